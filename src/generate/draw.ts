import { sampleTokens, type SampleOptions } from "../models/sampling.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { beamSearch } from "./beam-search.ts";
import { decodeTokens, rowsThatFit, type Decoded, type Networks } from "./decode.ts";
import { blended, subjectTargets, tokenTargets, type Subject } from "./embed.ts";
import { GeneratedPicture, type BlendOrigin, type PictureOrigin } from "./picture.ts";
import type { Targets } from "./targets.ts";

/** What to draw, as it also goes to another thread. */
export type DrawRequest = {
  subjects: readonly Subject[];
  /** What the PNG says of the first subject, and of the others. */
  prompt: string;
  blend?: readonly BlendOrigin[];
  /** What guidance leads away from: the sentence for the PNG, and its token ids. */
  negative?: { prompt: string; ids: readonly number[] };
  model: string;
  settings: DrawSettings;
};

export type DrawSettings = Omit<SampleOptions, "seed" | "signal" | "negative"> & {
  /** How many pictures to give back. Default 1. */
  count?: number;
  /** How many to draw and rank by CLIP; at least `count`. Default: `count`. */
  candidates?: number;
  /** Seed of the first candidate; the next ones count up. Default 0. */
  seed?: number;
  /** Candidates drawn at the same time. Default: 64, or as many as fit into half of the memory that is free. */
  batchSize?: number;
  /** Beam search with this many beams in place of sampling; gives at most as many pictures. */
  beams?: number;
};

export type DrawProgress = { candidates: number; of: number; tokens: number; length: number };

export type DrawHooks = {
  onProgress?: ((progress: DrawProgress) => void) | undefined;
  signal?: AbortSignal | undefined;
};

/**
 * Draws pictures on this thread; between two tokens, and between a few pictures, its event loop gets a turn.
 * @throws RangeError when a setting is out of its range; the signal's reason when it is aborted
 */
export async function drawPictures(
  networks: Networks,
  request: DrawRequest,
  hooks: DrawHooks = {},
): Promise<GeneratedPicture[]> {
  checkSettings(request.settings);
  using subjects = await subjectTargets(networks, request.subjects);
  const weights = request.subjects.map(({ weight }) => weight);
  using target = subjects.map((rows) => blended(rows, weights));
  using negative = request.negative && tokenTargets(networks, request.negative.ids);
  const guided = { target, ...(negative && { negative: negative.condition }) };
  return await (request.settings.beams === undefined ? sample : search)(networks, guided, request, hooks);
}

/** What to draw, one, and what guidance leads away from: (1, D). */
type Guided = { target: Targets; negative?: Tensor };

async function sample(
  networks: Networks,
  { target, ...away }: Guided,
  request: DrawRequest,
  hooks: DrawHooks,
): Promise<GeneratedPicture[]> {
  const { settings } = request;
  const { count = 1, candidates = count, seed = 0 } = settings;
  const seeds = Array.from({ length: candidates }, (_, i) => seed + i);
  const pictures: GeneratedPicture[] = [];
  for await (const drawn of drawRows(networks, { targets: target, ...away, seeds, settings }, hooks)) {
    pictures.push(
      ...drawn.map((row) => pictureOf(networks, row, { ...subjectOrigin(request), ...samplingOf(settings) })),
    );
  }
  return pictures.sort((a, b) => b.score - a.score).slice(0, count);
}

export type RowsRequest = {
  /** N, one for each picture, or one for all. */
  targets: Targets;
  /** What guidance leads away from: (1, D). */
  negative?: Tensor;
  /** N of them. */
  seeds: readonly number[];
  settings: DrawSettings;
};

/** A picture as it was drawn: from which seed, and what CLIP says of it. */
export type DrawnRow = Decoded & { seed: number; tokens: readonly number[] };

/** Draws N pictures, each from its seed and its target, as many at a time as fit into memory; gives them as they come. */
export async function* drawRows(
  networks: Networks,
  { targets, negative, seeds, settings }: RowsRequest,
  hooks: DrawHooks,
): AsyncGenerator<DrawnRow[]> {
  const { gpt } = networks;
  const sampling = { ...samplingOf(settings), ...(negative && { negative }) };
  const { batchSize = rowsThatFit(gpt, sampling.guidanceScale) } = settings;
  const signal = hooks.signal && { signal: hooks.signal };
  for (let start = 0; start < seeds.length; start += batchSize) {
    const own = seeds.slice(start, start + batchSize);
    const rows = own.length;
    const tokens: number[][] = own.map(() => []);
    using batch = targets.map((all) =>
      all.expand([seeds.length, -1]).narrow(0, start, rows).contiguous().to(gpt.device),
    );
    for await (const column of sampleTokens(gpt, batch.condition, { ...sampling, seed: own, ...signal })) {
      for (const [row, token] of column.entries()) tokens[row]?.push(token);
      const done = tokens[0]?.length ?? 0;
      hooks.onProgress?.({ candidates: start + rows, of: seeds.length, tokens: done, length: gpt.config.tokenCount });
    }
    const decoded = await decodeTokens(networks, { tokens, embedding: batch.embedding }, hooks.signal);
    yield decoded.map(({ pixels, score }, i) => ({ pixels, score, seed: own[i] ?? 0, tokens: tokens[i] ?? [] }));
  }
}

/** How tokens are drawn, with what holds where nothing is said. */
export function samplingOf({ temperature = 1, topK, topP = 0.9, guidanceScale = 1 }: DrawSettings): {
  temperature: number;
  topK?: number;
  topP: number;
  guidanceScale: number;
} {
  return { temperature, topP, guidanceScale, ...(topK !== undefined && { topK }) };
}

/** A drawn row with its origin. */
export function pictureOf(
  { vqgan }: Pick<Networks, "vqgan">,
  { pixels, tokens, seed, score }: DrawnRow,
  origin: Omit<PictureOrigin, "seed" | "score">,
): GeneratedPicture {
  return new GeneratedPicture({ pixels, size: vqgan.config.resolution, tokens, origin: { ...origin, seed, score } });
}

async function search(
  networks: Networks,
  { target, ...away }: Guided,
  request: DrawRequest,
  { signal }: DrawHooks,
): Promise<GeneratedPicture[]> {
  const { count = 1, beams = 4, guidanceScale = 1 } = request.settings;
  const found = await beamSearch(networks.gpt, target.condition, {
    beams,
    guidanceScale,
    ...away,
    ...(signal && { signal }),
  });
  const tokens = found.slice(0, count).map((beam) => beam.tokens);
  const origin = { ...subjectOrigin(request), beams, guidanceScale };
  const decoded = await decodeTokens(networks, { tokens, embedding: target.embedding }, signal);
  return decoded.map(({ pixels, score }, i) =>
    pictureOf(networks, { pixels, score, seed: 0, tokens: tokens[i] ?? [] }, origin),
  );
}

/** What a picture's origin has of the request, whatever draws it. */
function subjectOrigin({
  prompt,
  blend,
  negative,
  model,
}: DrawRequest): Pick<PictureOrigin, "prompt" | "blend" | "negativePrompt" | "model"> {
  return { prompt, ...(blend && { blend }), ...(negative && { negativePrompt: negative.prompt }), model };
}

/** @throws RangeError when a setting that the sampler does not see is out of its range */
export function checkSettings({ count = 1, candidates = count, batchSize = 1, seed = 0 }: DrawSettings): void {
  for (const [name, value] of Object.entries({ count, candidates, batchSize })) {
    if (!Number.isInteger(value) || value < 1) {
      throw new RangeError(`${name} is ${value}, expected a whole number from 1`);
    }
  }
  if (!Number.isSafeInteger(seed)) throw new RangeError(`seed is ${seed}, expected a whole number`);
  if (candidates < count) throw new RangeError(`${count} pictures need at least as many candidates, got ${candidates}`);
}
