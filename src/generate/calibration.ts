import { z } from "zod";
import type { ClipTokenizer } from "../io/tokenizers/clip-tokenizer.ts";

/**
 * What a model reaches for prompts that it knows, so that it can tell when it hardly knows what it is asked for.
 * A CLIP's scores mean something only beside others of the same CLIP: for OpenAI's 0.3 is high, for one's own 0.8 may be low.
 */
export const calibration = z.object({
  /** How many prompts were drawn, once each. */
  prompts: z.number().int().positive(),
  /** One in twenty scored lower. */
  low: z.number(),
  median: z.number(),
  /** Where the model has a memory: one in fifty has a lower `Gpt.agreement`. */
  memory: z.object({ agreement: z.number() }).exactOptional(),
});
export type Calibration = z.infer<typeof calibration>;

/** A prompt's best score, and its `Gpt.agreement` where the model has a memory. */
export type Familiarity = { score: number; agreement?: number | undefined };

/** @param known of one drawing for each prompt */
export function calibrate(known: readonly Familiarity[]): Calibration {
  const scores = known.map(({ score }) => score);
  const agreements = known.flatMap(({ agreement }) => (agreement === undefined ? [] : [agreement]));
  return {
    prompts: known.length,
    low: quantile(scores, 0.05),
    median: quantile(scores, 0.5),
    ...(agreements.length > 0 && { memory: { agreement: quantile(agreements, 0.02) } }),
  };
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN;
}

/** Pieces from which on a word was seldom or never seen when the vocabulary was made. */
const RARE_PIECES = 3;

/**
 * What to tell of a drawing of something that the model hardly knows; nothing where it does. With a memory the agreement decides.
 * It says more than a score: photographs score lower than emoji, however well they are known, and of many candidates one comes
 * to fit any words. Words that the vocabulary has to spell are named: with a CLIP of one's own these are the words it never saw.
 */
export function unfamiliar(
  prompt: string,
  { score, agreement }: Familiarity,
  known: Calibration,
  tokenizer?: ClipTokenizer,
): string | undefined {
  const why =
    agreement === undefined || known.memory === undefined
      ? lowScore(score, known)
      : lowAgreement(agreement, known.memory.agreement);
  if (why === undefined) return undefined;
  const words = prompt.split(/[^\p{L}\p{N}]+/u);
  // Each comes between a start and an end.
  const rare = words.filter((word) => (tokenizer?.encode(word).length ?? 0) - 2 >= RARE_PIECES);
  const unknown = rare.length === 0 ? "" : `; it may not know ${rare.map((word) => `"${word}"`).join(", ")}`;
  return `this may be outside of what the model knows: ${why}${unknown}`;
}

function lowScore(score: number, { low, median }: Calibration): string | undefined {
  if (!(score < low)) return undefined;
  return `the best score is ${score.toFixed(2)}, of known prompts 19 in 20 score above ${low.toFixed(2)}, half above ${median.toFixed(2)}`;
}

function lowAgreement(agreement: number, low: number): string | undefined {
  if (!(agreement < low)) return undefined;
  return `the pictures that it finds for this have little in common (${agreement.toFixed(2)}; 49 in 50 known prompts reach ${low.toFixed(2)})`;
}
