import { createHash } from "node:crypto";
import type { PictureSet, PictureStream } from "../data/pictures.ts";
import type { EncodedSet } from "../data/encoded.ts";
import { fromPixels, toPixels } from "../data/batches.ts";
import type { Clip } from "../models/clip.ts";
import { clipInput } from "../models/clip-images.ts";
import type { Vqgan } from "../models/vqgan.ts";
import { normalize } from "../nn/functional.ts";
import { noGrad } from "../tensor/autograd.ts";
import { stack } from "../tensor/functions.generated.ts";
import { tidy } from "../tensor/scope.ts";
import { choosePrecision, type Precision } from "./precision.ts";
import type { Device, Tensor } from "../tensor/tensor.ts";

export type EncodeOptions = {
  clip: Clip;
  vqgan: Vqgan;
  /** Also encodes every picture mirrored, as its last view. */
  flip?: boolean;
  /** Keeps the pictures, for objectives that compare pictures. */
  keepPictures?: boolean;
  /** Pictures at a time. Default: about a million pixels. */
  batchSize?: number;
  device?: Device;
  /** What the networks compute in. Default: auto. */
  precision?: Precision;
  /** Called after every batch; `total` counts the pictures that cannot be read, too. */
  onProgress?: (done: number, total: number) => void;
  onSkipped?: (skipped: PictureSet["skipped"]) => void;
  signal?: AbortSignal | undefined;
};

/**
 * Runs the frozen CLIP and VQGAN over every picture once (CLIP-GEN, section 3.2), and gives what they see batch by batch.
 * The pictures come in VQGAN's size; CLIP gets them resized to its own, with its mean and deviation.
 */
export async function* encodePictures(pictures: PictureStream, options: EncodeOptions): AsyncGenerator<EncodedSet> {
  const { clip, vqgan, device = "cpu", onProgress, onSkipped } = options;
  const { dtype } = choosePrecision(options.precision ?? "auto", device);
  for (const network of [clip, vqgan]) network.to(device).setComputeDtype(dtype).eval();
  const batchSize = options.batchSize ?? usualBatch(pictures.size);
  let done = 0;
  for await (const batch of pictures.batches(batchSize)) {
    options.signal?.throwIfAborted();
    if (batch.count > 0) yield noGrad(() => tidy(() => encodeBatch(batch, pictures.views, options)));
    if (batch.skipped.length > 0) onSkipped?.(batch.skipped);
    done += batch.count + batch.skipped.length;
    onProgress?.(done, pictures.count);
  }
}

/** Pictures that are encoded at a time by default: about a million pixels. */
export function usualBatch(size: number): number {
  return Math.min(256, Math.max(1, Math.round(2 ** 20 / size ** 2)));
}

/** Tells networks apart by their weights and configurations: SHA-256. */
export function networkHash(network: Clip | Vqgan): string {
  const hash = createHash("sha256").update(JSON.stringify(network.config));
  for (const [name, tensor] of network.stateDict()) {
    hash.update(`${name} ${tensor.dtype} ${tensor.shape.join(" ")}\n`).update(tensor.toBytes());
  }
  return hash.digest("hex");
}

function encodeBatch(batch: PictureSet, views: number, options: EncodeOptions): EncodedSet {
  const { clip, vqgan, device = "cpu" } = options;
  const { count, size, names, captions } = batch;
  const side = vqgan.tokenGrid(size);
  const pixels = toPixels(batch.images, { count: count * views, size }, device).reshape([count, views, 3, size, size]);
  const seen = Array.from({ length: views }, (_, view) => pixels.select(1, view)); // views × (B, 3, H, W)
  if (options.flip === true) seen.push(pixels.select(1, 0).flip([3]));
  const tokens = seen.map((images) =>
    vqgan
      .encode(images)
      .indices.to("int32")
      .reshape([count, side * side]),
  );
  const embeddings = seen.map((images) => normalize(clip.encodeImage(clipInput(images, clip.config)))); // (B, D)
  const kept = options.keepPictures ? fromPixels(stack(seen, 1).reshape([-1, 3, size, size])) : undefined;
  return {
    count,
    views: seen.length,
    grid: [side, side],
    codebookSize: vqgan.config.codebookSize,
    embedDim: clip.config.embedDim,
    tokens: new Int32Array(bytesOf(stack(tokens, 1))),
    embeddings: new Float32Array(bytesOf(stack(embeddings, 1))),
    names,
    ...(kept && { pictures: { images: kept, size } }),
    ...(captions && { captions }),
  };
}

function bytesOf(tensor: Tensor): ArrayBuffer {
  return new Uint8Array(tensor.toBytes()).buffer;
}
