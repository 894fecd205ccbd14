import { freemem } from "node:os";
import { fromPixels } from "../data/batches.ts";
import type { Clip } from "../models/clip.ts";
import { clipInput } from "../models/clip-images.ts";
import type { Gpt } from "../models/gpt.ts";
import { KvCache } from "../models/kv-cache.ts";
import { cacheRows, sampleTokens, type SampleOptions } from "../models/sampling.ts";
import type { Vqgan } from "../models/vqgan.ts";
import { normalize } from "../nn/functional.ts";
import { noGrad } from "../tensor/autograd.ts";
import { keep, tidy } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { beamSearch } from "./beam-search.ts";
import { embedSubjects, type Subject } from "./embed.ts";
import { GeneratedPicture, type BlendOrigin, type PictureOrigin } from "./picture.ts";

/** The networks that draw together. */
export type Networks = { clip: Clip; vqgan: Vqgan; gpt: Gpt };

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

const MOST_ROWS = 64;
/** Pictures that the VQGAN decodes at once: its feature maps of more leave the processor's caches. */
const DECODED_AT_ONCE = 8;

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
  const { count = 1, candidates = count, seed = 0 } = settings;
  const seeds = Array.from({ length: candidates }, (_, i) => seed + i);
  const subject = (): SubjectOrigin => ({ prompt, ...(blend && { blend }) });
  const pictures = await drawRows(networks, { conditions: condition, seeds, subject, model, settings }, hooks);
  return pictures.sort((a, b) => b.score - a.score).slice(0, count);
}

/** What a picture was drawn from. */
export type SubjectOrigin = Pick<PictureOrigin, "prompt" | "blend">;

export type RowsRequest = {
  /** (N, D), one for each picture, or (1, D), one for all. */
  conditions: Tensor;
  /** N of them. */
  seeds: readonly number[];
  subject: (row: number) => SubjectOrigin;
  model: string;
  settings: DrawSettings;
};

/** Draws N pictures, each from its seed and its condition, as many at a time as fit into memory. Each is scored by its own. */
export async function drawRows(
  networks: Networks,
  { conditions, seeds, subject, model, settings }: RowsRequest,
  hooks: DrawHooks,
): Promise<GeneratedPicture[]> {
  const { gpt } = networks;
  const { temperature = 1, topK, topP = 0.9, guidanceScale = 1 } = settings;
  const { batchSize = rowsThatFit(gpt, guidanceScale) } = settings;
  const sampling = { temperature, topP, guidanceScale, ...(topK !== undefined && { topK }) };
  const pictures: GeneratedPicture[] = [];
  for (let start = 0; start < seeds.length; start += batchSize) {
    const own = seeds.slice(start, start + batchSize);
    const rows = own.length;
    const tokens: number[][] = own.map(() => []);
    using batch = keep(tidy(() => conditions.expand([seeds.length, -1]).narrow(0, start, rows).contiguous()));
    const signal = hooks.signal && { signal: hooks.signal };
    for await (const column of sampleTokens(gpt, batch, { ...sampling, seed: own, ...signal })) {
      for (const [row, token] of column.entries()) tokens[row]?.push(token);
      const done = tokens[0]?.length ?? 0;
      hooks.onProgress?.({ candidates: start + rows, of: seeds.length, tokens: done, length: gpt.config.tokenCount });
    }
    const origin = (row: number, score: number): PictureOrigin => ({
      ...subject(start + row),
      ...sampling,
      model,
      seed: own[row] ?? 0,
      score,
    });
    pictures.push(...(await decode(networks, { tokens, conditions: batch, origin }, hooks.signal)));
  }
  return pictures;
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
  return await decode(networks, { tokens, conditions: condition, origin }, signal);
}

/** Pictures whose keys and values fit into half of the memory that is free. */
function rowsThatFit(gpt: Gpt, guidanceScale: number): number {
  const { layers, width } = gpt.config;
  const bytesPerNumber = gpt.computeDtype === "float32" ? 4 : 2;
  const row = KvCache.bytesPerRow({ layers, width, length: gpt.positions, bytesPerNumber });
  return Math.max(1, Math.min(MOST_ROWS, Math.floor(freemem() / 2 / (row * cacheRows(1, guidanceScale)))));
}

type Drawn = {
  /** N pictures' tokens. */
  tokens: readonly (readonly number[])[];
  /** (N, D), or (1, D) for all of them. */
  conditions: Tensor;
  origin: (row: number, score: number) => PictureOrigin;
};

/** Tokens to pictures, with CLIP's opinion of each: the pictures come to CLIP in its size, mean and deviation. */
async function decode(
  { clip, vqgan }: Networks,
  { tokens, conditions, origin }: Drawn,
  signal: AbortSignal | undefined,
): Promise<GeneratedPicture[]> {
  const side = vqgan.tokenGrid();
  const size = vqgan.config.resolution;
  const bytes = size * size * 3;
  const pictures: GeneratedPicture[] = [];
  for (let start = 0; start < tokens.length; start += DECODED_AT_ONCE) {
    signal?.throwIfAborted();
    const rows = tokens.slice(start, start + DECODED_AT_ONCE);
    const { pixels, scores } = noGrad(() =>
      tidy(() => {
        const indices = Tensor.from(rows.flat(), [rows.length, side, side], "int64").to(conditions.device);
        const images = vqgan.decode(indices).clamp(-1, 1);
        const seen = normalize(clip.encodeImage(clipInput(images, clip.config)));
        const wanted = conditions.expand([tokens.length, -1]).narrow(0, start, rows.length);
        return { pixels: fromPixels(images), scores: seen.mul(wanted).sum([-1]).toNumbers() };
      }),
    );
    for (const [i, row] of rows.entries()) {
      const own = pixels.slice(i * bytes, (i + 1) * bytes);
      const score = scores[i] ?? Number.NaN;
      pictures.push(new GeneratedPicture({ pixels: own, size, tokens: row, origin: origin(start + i, score) }));
    }
    await new Promise((resume) => setImmediate(resume));
  }
  return pictures;
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
