import { checkSampling, sampleTokens, type SampleOptions } from "../models/sampling.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { decodeRows, decodeTokens, rowsThatFit, type Decoded, type Networks } from "./decode.ts";
import type { Targets } from "./targets.ts";

/** A picture's row in the batch that it is drawn in, from 0, and how many rows that has. */
export type BatchPlace = { row: number; rows: number };

export type DrawSettings = Omit<SampleOptions, "seed" | "signal" | "negative"> & {
  /** How many pictures to give back. Default 1. */
  count?: number;
  /** How many to draw and rank by CLIP; at least `count`. Default: `count`. */
  candidates?: number;
  /** Seed of the first candidate; the next ones count up. Default 0. */
  seed?: number;
  /** Candidates drawn at the same time. Default: 64, or as many as fit into half of the memory that is free. */
  batchSize?: number;
  /**
   * To draw one picture again, to the byte: where it stood among those that were drawn with it. Products of many rows round
   * otherwise than those of few.
   */
  batch?: BatchPlace;
  /** Beam search with this many beams in place of sampling; gives at most as many pictures. */
  beams?: number;
};

export type DrawProgress = { candidates: number; of: number; tokens: number; length: number };

/** What is there of a picture that is being drawn: whole rows of tokens. */
export type Preview = {
  /** Which of the pictures that are drawn together. */
  row: number;
  /** (size, size, 3) RGB bytes, of which the first `drawn` lines count. */
  pixels: Uint8Array;
  size: number;
  drawn: number;
};

export type DrawHooks = {
  onPreview?: ((preview: Preview) => void) | undefined;
  onProgress?: ((progress: DrawProgress) => void) | undefined;
  signal?: AbortSignal | undefined;
};

export type RowsRequest = {
  /** N, one for each picture, or one for all. */
  targets: Targets;
  /** What guidance leads away from: (1, D). */
  negative?: Tensor;
  /** N of them. */
  seeds: readonly number[];
  /** How often to show each picture while it is drawn: N of them. Default: never. */
  previews?: readonly number[];
  settings: DrawSettings;
};

/** A picture as it was drawn: from which seed, and what CLIP says of it. */
export type DrawnRow = Decoded & { seed: number; tokens: readonly number[]; batch?: BatchPlace };

/** Draws N pictures, each from its seed and its target, as many at a time as fit into memory; gives them as they come. */
export async function* drawRows(
  networks: Networks,
  { targets, negative, seeds: asked, previews = [], settings }: RowsRequest,
  hooks: DrawHooks,
): AsyncGenerator<DrawnRow[]> {
  const { gpt } = networks;
  const place = settings.batch;
  // A picture that is drawn again stands where it stood, among others that are only there for their number.
  const seeds = place ? Array.from({ length: place.rows }, () => asked[0] ?? 0) : asked;
  const isAsked = (row: number): boolean => !place || row === place.row;
  const side = networks.vqgan.tokenGrid();
  const sampling = { ...samplingOf(settings), ...(negative && { negative }) };
  const batchSize = place?.rows ?? settings.batchSize ?? rowsThatFit(gpt, sampling.guidanceScale);
  const signal = hooks.signal && { signal: hooks.signal };
  for (let start = 0; start < seeds.length; start += batchSize) {
    const own = seeds.slice(start, start + batchSize);
    const rows = own.length;
    const tokens: number[][] = own.map(() => []);
    using aims = targets.map((all) =>
      all.expand([seeds.length, -1]).narrow(0, start, rows).contiguous().to(gpt.device),
    );
    for await (const column of sampleTokens(gpt, aims.condition, { ...sampling, seed: own, ...signal })) {
      for (const [row, token] of column.entries()) tokens[row]?.push(token);
      const done = tokens[0]?.length ?? 0;
      hooks.onProgress?.({ candidates: start + rows, of: seeds.length, tokens: done, length: gpt.config.tokenCount });
      if (!hooks.onPreview || done % side !== 0) continue;
      for (const [i, sofar] of tokens.entries()) {
        if (!isAsked(i)) continue;
        if (!showsAfter(done / side, { side, previews: previews[place ? 0 : start + i] ?? 0 })) continue;
        hooks.onPreview({ row: place ? 0 : start + i, ...decodeRows(networks, sofar) });
      }
    }
    const decoded = await decodeTokens(networks, { tokens, embedding: aims.embedding }, hooks.signal);
    yield decoded
      .map(({ pixels, score }, row) => {
        const batch = { row, rows };
        return { pixels, score, seed: own[row] ?? 0, tokens: tokens[row] ?? [], batch };
      })
      .filter((_, row) => isAsked(row));
  }
}

/** Whether a picture that is shown so often meanwhile, at even distances, is shown after this row of tokens. */
function showsAfter(row: number, { side, previews }: { side: number; previews: number }): boolean {
  const most = Math.min(previews, side - 1);
  return Array.from({ length: most }, (_, i) => Math.round(((i + 1) * side) / (most + 1))).includes(row);
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

/** @throws RangeError when a setting is out of its range */
export function checkSettings({
  count = 1,
  candidates = count,
  batchSize = 1,
  seed = 0,
  beams = 1,
  batch,
  ...sampling
}: DrawSettings): void {
  checkSampling(sampling);
  for (const [name, value] of Object.entries({ count, candidates, batchSize, beams })) {
    if (!Number.isInteger(value) || value < 1) {
      throw new RangeError(`${name} is ${value}, expected a whole number from 1`);
    }
  }
  if (!Number.isSafeInteger(seed)) throw new RangeError(`seed is ${seed}, expected a whole number`);
  if (batch && (candidates > 1 || !isPlace(batch))) {
    throw new RangeError(`row ${batch.row} of ${batch.rows} is for one picture, drawn where it stood in a batch`);
  }
  if (candidates < count) throw new RangeError(`${count} pictures need at least as many candidates, got ${candidates}`);
}

function isPlace({ row, rows }: BatchPlace): boolean {
  return Number.isInteger(row) && Number.isInteger(rows) && row >= 0 && row < rows;
}
