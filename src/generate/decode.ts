import { freemem } from "node:os";
import { fromPixels } from "../data/batches.ts";
import type { Clip } from "../models/clip.ts";
import { clipInput } from "../models/clip-images.ts";
import type { Gpt } from "../models/gpt.ts";
import { KvCache } from "../models/kv-cache.ts";
import { cacheRows } from "../models/sampling.ts";
import type { Vqgan } from "../models/vqgan.ts";
import { normalize } from "../nn/functional.ts";
import { noGrad } from "../tensor/autograd.ts";
import { tidy } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";

/** The networks that draw together. */
export type Networks = { clip: Clip; vqgan: Vqgan; gpt: Gpt };

const MOST_ROWS = 64;
/** Pictures that the VQGAN decodes at once: its feature maps of more leave the processor's caches. */
const DECODED_AT_ONCE = 8;

/** Pictures to draw at the same time: those whose keys and values fit into half of the memory that is free, at most 64. */
export function rowsThatFit(gpt: Gpt, guidanceScale: number): number {
  const { layers, width } = gpt.config;
  const bytesPerNumber = gpt.computeDtype === "float32" ? 4 : 2;
  const row = KvCache.bytesPerRow({ layers, width, length: gpt.positions, bytesPerNumber });
  return Math.max(1, Math.min(MOST_ROWS, Math.floor(freemem() / 2 / (row * cacheRows(1, guidanceScale)))));
}

/** A picture of tokens: (size, size, 3) RGB bytes, and the cosine between its embedding and that of what was asked for. */
export type Decoded = { pixels: Uint8Array; score: number };

/**
 * Tokens to pictures, with CLIP's opinion of each: the pictures come to CLIP in its size, mean and deviation.
 * @param drawn.tokens (B, L)
 * @param drawn.embedding unit embeddings of what was asked for: (1, D) for all of them, or (B, D)
 */
export async function decodeTokens(
  { clip, vqgan }: Networks,
  { tokens, embedding }: { tokens: readonly (readonly number[])[]; embedding: Tensor },
  signal: AbortSignal | undefined,
): Promise<Decoded[]> {
  const side = vqgan.tokenGrid();
  const bytes = vqgan.config.resolution ** 2 * 3;
  const pictures: Decoded[] = [];
  for (let start = 0; start < tokens.length; start += DECODED_AT_ONCE) {
    signal?.throwIfAborted();
    const rows = tokens.slice(start, start + DECODED_AT_ONCE);
    const { pixels, scores } = noGrad(() =>
      tidy(() => {
        const indices = Tensor.from(rows.flat(), [rows.length, side, side], "int64").to(embedding.device);
        const images = vqgan.decode(indices).clamp(-1, 1);
        const seen = normalize(clip.encodeImage(clipInput(images, clip.config))); // (b, D)
        const own = embedding.size(0) === 1 ? embedding : embedding.narrow(0, start, rows.length);
        return { pixels: fromPixels(images), scores: seen.mul(own).sum([1]).toNumbers() };
      }),
    );
    for (const [i, score] of scores.entries())
      pictures.push({ pixels: pixels.slice(i * bytes, (i + 1) * bytes), score });
    await new Promise((resume) => setImmediate(resume));
  }
  return pictures;
}

/**
 * A picture of which only the first rows of tokens are there. Those that are missing repeat the last one, so that what is there
 * looks as it will. `drawn`: lines of pixels that count.
 */
export function decodeRows(
  { vqgan, gpt }: Pick<Networks, "vqgan" | "gpt">,
  tokens: readonly number[],
): { pixels: Uint8Array; size: number; drawn: number } {
  const side = vqgan.tokenGrid();
  const size = vqgan.config.resolution;
  const row = tokens.slice(-side);
  const all = Array.from({ length: side * side }, (_, i) => tokens[i] ?? row[i % side] ?? 0);
  const pixels = noGrad(() =>
    tidy(() => {
      const indices = Tensor.from(all, [1, side, side], "int64").to(gpt.device);
      return fromPixels(vqgan.decode(indices).clamp(-1, 1));
    }),
  );
  return { pixels, size, drawn: Math.round((tokens.length / side) * (size / side)) };
}
