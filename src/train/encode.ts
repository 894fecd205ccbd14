import type { PictureSet } from "../data/pictures.ts";
import type { EncodedSet } from "../data/encoded.ts";
import { fromPixels, toPixels } from "../data/batches.ts";
import type { Clip } from "../models/clip.ts";
import { clipInput } from "../models/clip-images.ts";
import type { Vqgan } from "../models/vqgan.ts";
import { normalize } from "../nn/functional.ts";
import { noGrad } from "../tensor/autograd.ts";
import { tidy } from "../tensor/scope.ts";
import { choosePrecision, type Precision } from "./precision.ts";
import type { Device, Tensor } from "../tensor/tensor.ts";

export type EncodeOptions = {
  clip: Clip;
  vqgan: Vqgan;
  /** Also encodes every picture mirrored, as a second view. */
  flip?: boolean;
  /** Keeps the pictures, for objectives that compare pictures. */
  keepPictures?: boolean;
  batchSize?: number;
  device?: Device;
  /** What the networks compute in. Default: auto. */
  precision?: Precision;
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal | undefined;
};

/**
 * Runs the frozen CLIP and VQGAN over every picture once (CLIP-GEN, section 3.2).
 * The pictures come in VQGAN's size; CLIP gets them resized to its own, with its mean and deviation.
 */
export async function encodePictures(pictures: PictureSet, options: EncodeOptions): Promise<EncodedSet> {
  const { clip, vqgan, batchSize = 64, device = "cpu" } = options;
  const { count, size } = pictures;
  const side = vqgan.tokenGrid(size);
  const views = options.flip ? 2 : 1;
  const { embedDim } = clip.config;
  const tokens = new Int32Array(count * views * side * side);
  const embeddings = new Float32Array(count * views * embedDim);
  const bytes = size * size * 3;
  const kept = options.keepPictures ? new Uint8Array(count * views * bytes) : undefined;
  const { dtype } = choosePrecision(options.precision ?? "auto", device);
  for (const network of [clip, vqgan]) network.to(device).setComputeDtype(dtype).eval();
  for (let start = 0; start < count; start += batchSize) {
    options.signal?.throwIfAborted();
    const rows = Math.min(batchSize, count - start);
    const batch = pictures.images.subarray(start * bytes, (start + rows) * bytes);
    noGrad(() =>
      tidy(() => {
        const images = toPixels(batch, { count: rows, size }, device);
        for (let view = 0; view < views; view += 1) {
          const seen = view === 0 ? images : images.flip([3]);
          const encoded = encodeBatch(seen, { clip, vqgan });
          for (let row = 0; row < rows; row += 1) {
            const at = (start + row) * views + view;
            const { length } = encoded.tokens;
            const each = length / rows;
            tokens.set(encoded.tokens.subarray(row * each, (row + 1) * each), at * each);
            embeddings.set(encoded.embeddings.subarray(row * embedDim, (row + 1) * embedDim), at * embedDim);
          }
          if (kept) keepPictures(kept, fromPixels(seen), { start, rows, views, view });
        }
      }),
    );
    options.onProgress?.(start + rows, count);
    await new Promise((resume) => setImmediate(resume));
  }
  const { codebookSize } = vqgan.config;
  const set: EncodedSet = {
    count,
    views,
    grid: [side, side],
    codebookSize,
    embedDim,
    tokens,
    embeddings,
    names: pictures.names,
  };
  if (kept) set.pictures = { images: kept, size };
  if (pictures.captions) set.captions = pictures.captions;
  return set;
}

/** Tokens (B·h·w) and unit embeddings (B·D) of pictures (B, 3, H, W) in [−1, 1]. */
function encodeBatch(
  images: Tensor,
  { clip, vqgan }: { clip: Clip; vqgan: Vqgan },
): { tokens: Int32Array; embeddings: Float32Array } {
  const tokens = vqgan.encode(images).indices.to("int32");
  const embeddings = normalize(clip.encodeImage(clipInput(images, clip.config)));
  return { tokens: int32(tokens), embeddings: float32(embeddings) };
}

function int32(tensor: Tensor): Int32Array {
  return new Int32Array(tensor.toBytes().buffer);
}

function float32(tensor: Tensor): Float32Array {
  return new Float32Array(tensor.toBytes().buffer);
}

function keepPictures(
  kept: Uint8Array,
  pictures: Uint8Array,
  at: { start: number; rows: number; views: number; view: number },
): void {
  const bytes = pictures.length / at.rows;
  for (let row = 0; row < at.rows; row += 1) {
    kept.set(pictures.subarray(row * bytes, (row + 1) * bytes), ((at.start + row) * at.views + at.view) * bytes);
  }
}
