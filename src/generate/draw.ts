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
import { embedSubjects, embedTokens, type Subject } from "./embed.ts";
import { GeneratedPicture, type BlendOrigin, type PictureOrigin } from "./picture.ts";

/** The networks that draw together. */
export type Networks = { clip: Clip; vqgan: Vqgan; gpt: Gpt };

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
  using negative = request.negative && embedTokens(networks.clip, request.negative.ids);
  const conditions = { condition, ...(negative && { negative }) };
  return await (request.settings.beams === undefined ? sample : search)(networks, conditions, request, hooks);
}

/** Unit embeddings of what to draw, and of what to lead away from: (1, D). */
type Conditions = { condition: Tensor; negative?: Tensor };

async function sample(
  networks: Networks,
  { condition, ...away }: Conditions,
  request: DrawRequest,
  hooks: DrawHooks,
): Promise<GeneratedPicture[]> {
  const { gpt } = networks;
  const { settings } = request;
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
    for await (const column of sampleTokens(gpt, batch, { ...sampling, ...away, seed: seeds, ...signal })) {
      for (const [row, token] of column.entries()) tokens[row]?.push(token);
      const done = tokens[0]?.length ?? 0;
      hooks.onProgress?.({ candidates: start + rows, of: candidates, tokens: done, length: gpt.config.tokenCount });
    }
    const origin = (row: number, score: number): PictureOrigin => ({
      ...subjectOrigin(request),
      ...sampling,
      seed: seeds[row] ?? seed,
      score,
    });
    pictures.push(...(await decode(networks, { tokens, condition, origin }, hooks.signal)));
  }
  return pictures.sort((a, b) => b.score - a.score).slice(0, count);
}

async function search(
  networks: Networks,
  { condition, ...away }: Conditions,
  request: DrawRequest,
  { signal }: DrawHooks,
): Promise<GeneratedPicture[]> {
  const { count = 1, beams = 4, guidanceScale = 1 } = request.settings;
  const found = await beamSearch(networks.gpt, condition, { beams, guidanceScale, ...away, ...(signal && { signal }) });
  const tokens = found.slice(0, count).map((beam) => beam.tokens);
  const origin = (_: number, score: number): PictureOrigin => ({
    ...subjectOrigin(request),
    seed: 0,
    beams,
    guidanceScale,
    score,
  });
  return await decode(networks, { tokens, condition, origin }, signal);
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

/** Pictures whose keys and values fit into half of the memory that is free. */
function rowsThatFit(gpt: Gpt, guidanceScale: number): number {
  const { layers, width } = gpt.config;
  const bytesPerNumber = gpt.computeDtype === "float32" ? 4 : 2;
  const row = KvCache.bytesPerRow({ layers, width, length: gpt.positions, bytesPerNumber });
  return Math.max(1, Math.min(MOST_ROWS, Math.floor(freemem() / 2 / (row * cacheRows(1, guidanceScale)))));
}

type Drawn = {
  tokens: readonly (readonly number[])[];
  condition: Tensor;
  origin: (row: number, score: number) => PictureOrigin;
};

/** Tokens to pictures, with CLIP's opinion of each: the pictures come to CLIP in its size, mean and deviation. */
async function decode(
  { clip, vqgan }: Networks,
  { tokens, condition, origin }: Drawn,
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
        const indices = Tensor.from(rows.flat(), [rows.length, side, side], "int64").to(condition.device);
        const images = vqgan.decode(indices).clamp(-1, 1);
        const seen = normalize(clip.encodeImage(clipInput(images, clip.config)));
        return { pixels: fromPixels(images), scores: seen.matmul(condition.t()).flatten().toNumbers() };
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

function checkSettings({ count = 1, candidates = count, batchSize = 1, seed = 0 }: DrawSettings): void {
  for (const [name, value] of Object.entries({ count, candidates, batchSize })) {
    if (!Number.isInteger(value) || value < 1) {
      throw new RangeError(`${name} is ${value}, expected a whole number from 1`);
    }
  }
  if (!Number.isSafeInteger(seed)) throw new RangeError(`seed is ${seed}, expected a whole number`);
  if (candidates < count) throw new RangeError(`${count} pictures need at least as many candidates, got ${candidates}`);
}
