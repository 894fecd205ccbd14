import { z } from "zod";
import type { ClipTokenizer } from "../io/tokenizers/clip-tokenizer.ts";

/**
 * What scores a model reaches for prompts that it knows, so that it can tell when it hardly knows what it is asked for.
 * A CLIP's scores mean something only beside others of the same CLIP: for OpenAI's 0.3 is high, for one's own 0.8 may be low.
 */
export const calibration = z.object({
  /** How many prompts were drawn, once each. */
  prompts: z.number().int().positive(),
  /** One in twenty scored lower. */
  low: z.number(),
  median: z.number(),
});
export type Calibration = z.infer<typeof calibration>;

/** @param scores of one drawing for each prompt */
export function calibrate(scores: readonly number[]): Calibration {
  const sorted = scores.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN;
  return { prompts: scores.length, low: at(0.05), median: at(0.5) };
}

/** Pieces from which on a word was seldom or never seen when the vocabulary was made. */
const RARE_PIECES = 3;

/**
 * What to tell of a drawing whose best score is lower than nearly all prompts that the model knows reach; nothing where it
 * is not. Words that the vocabulary has to spell are named: with a CLIP of one's own these are the words it never saw.
 */
export function unfamiliar(
  prompt: string,
  score: number,
  { low, median }: Calibration,
  tokenizer?: ClipTokenizer,
): string | undefined {
  if (!(score < low)) return undefined;
  const words = prompt.split(/[^\p{L}\p{N}]+/u);
  // Each comes between a start and an end.
  const rare = words.filter((word) => (tokenizer?.encode(word).length ?? 0) - 2 >= RARE_PIECES);
  const unknown = rare.length === 0 ? "" : `; it may not know ${rare.map((word) => `"${word}"`).join(", ")}`;
  return (
    `this may be outside of what the model knows: the best score is ${score.toFixed(2)}, ` +
    `of known prompts 19 in 20 score above ${low.toFixed(2)}, half above ${median.toFixed(2)}${unknown}`
  );
}
