import { sampleTokens, type SampleOptions } from "../models/sampling.ts";
import { keep, tidy } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { beamSearch } from "./beam-search.ts";
import { decodeTokens, rowsThatFit, type Networks } from "./decode.ts";
import { embedSubjects, type Subject } from "./embed.ts";
import { GeneratedPicture, type BlendOrigin, type PictureOrigin } from "./picture.ts";

/** What to draw, as it also goes to another thread. */
export type DrawRequest = {
  subjects: readonly Subject[];
  /** What the PNG says of the first subject, and of the others. */
  prompt: string;
  blend?: readonly BlendOrigin[];
  model: string;
  settings: DrawSettings;
};

export type DrawSettings = Omit<SampleOptions, "seed" | "signal"> & {
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
  using condition = await embedSubjects(networks.clip, request.subjects);
  return await (request.settings.beams === undefined ? sample : search)(networks, condition, request, hooks);
}

async function sample(
  networks: Networks,
  condition: Tensor,
  { prompt, blend, model, settings }: DrawRequest,
  hooks: DrawHooks,
): Promise<GeneratedPicture[]> {
  const { gpt } = networks;
  const { count = 1, candidates = count, seed = 0, temperature = 1, topK, topP = 0.9, guidanceScale = 1 } = settings;
  const { batchSize = rowsThatFit(gpt, guidanceScale) } = settings;
  const sampling = { temperature, topP, guidanceScale, ...(topK !== undefined && { topK }) };
  const pictures: GeneratedPicture[] = [];
  for (let start = 0; start < candidates; start += batchSize) {
    const rows = Math.min(batchSize, candidates - start);
    const seeds = Array.from({ length: rows }, (_, i) => seed + start + i);
    const tokens: number[][] = Array.from({ length: rows }, () => []);
    using batch = keep(tidy(() => condition.expand([rows, -1]).contiguous()));
    const signal = hooks.signal && { signal: hooks.signal };
    for await (const column of sampleTokens(gpt, batch, { ...sampling, seed: seeds, ...signal })) {
      for (const [row, token] of column.entries()) tokens[row]?.push(token);
      const done = tokens[0]?.length ?? 0;
      hooks.onProgress?.({ candidates: start + rows, of: candidates, tokens: done, length: gpt.config.tokenCount });
    }
    const origin = (row: number, score: number): PictureOrigin => ({
      prompt,
      ...(blend && { blend }),
      ...sampling,
      model,
      seed: seeds[row] ?? seed,
      score,
    });
    pictures.push(...(await decode(networks, { tokens, condition, origin }, hooks.signal)));
  }
  return pictures.sort((a, b) => b.score - a.score).slice(0, count);
}

async function search(
  networks: Networks,
  condition: Tensor,
  { prompt, blend, model, settings }: DrawRequest,
  { signal }: DrawHooks,
): Promise<GeneratedPicture[]> {
  const { count = 1, beams = 4, guidanceScale = 1 } = settings;
  const found = await beamSearch(networks.gpt, condition, { beams, guidanceScale, ...(signal && { signal }) });
  const tokens = found.slice(0, count).map((beam) => beam.tokens);
  const origin = (_: number, score: number): PictureOrigin => ({
    prompt,
    ...(blend && { blend }),
    seed: 0,
    beams,
    guidanceScale,
    score,
    model,
  });
  return await decode(networks, { tokens, condition, origin }, signal);
}

type Drawn = {
  tokens: readonly (readonly number[])[];
  condition: Tensor;
  origin: (row: number, score: number) => PictureOrigin;
};

async function decode(
  networks: Networks,
  { tokens, condition, origin }: Drawn,
  signal: AbortSignal | undefined,
): Promise<GeneratedPicture[]> {
  const size = networks.vqgan.config.resolution;
  const decoded = await decodeTokens(networks, { tokens, condition }, signal);
  return decoded.map(
    ({ pixels, score }, row) =>
      new GeneratedPicture({ pixels, size, tokens: tokens[row] ?? [], origin: origin(row, score) }),
  );
}

/** Throws a RangeError for a setting that is out of its range. */
export function checkSettings({ count = 1, candidates = count, batchSize = 1, seed = 0 }: DrawSettings): void {
  for (const [name, value] of Object.entries({ count, candidates, batchSize })) {
    if (!Number.isInteger(value) || value < 1) {
      throw new RangeError(`${name} is ${value}, expected a whole number from 1`);
    }
  }
  if (!Number.isSafeInteger(seed)) throw new RangeError(`seed is ${seed}, expected a whole number`);
  if (candidates < count) throw new RangeError(`${count} pictures need at least as many candidates, got ${candidates}`);
}
