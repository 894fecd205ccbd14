import { toPixels } from "../data/batches.ts";
import type { PictureStream } from "../data/picture-stream.ts";
import { clipInput } from "../models/clip-images.ts";
import type { Clip } from "../models/clip.ts";
import type { Inception } from "../models/inception.ts";
import { noGrad } from "../tensor/autograd.ts";
import { cat } from "../tensor/functions.generated.ts";
import { keep, tidy } from "../tensor/scope.ts";
import type { Device, Tensor } from "../tensor/tensor.ts";
import { gaussianBlur } from "./blur.ts";

/** What turns pictures into features, and what figures in these features may be called. */
export type PictureFeatures = {
  name: "Inception" | "CLIP";
  /** Of the Fréchet and the kernel distance: only Inception's are FID and KID. */
  frechet: { name: string; label: string };
  kernel: { name: string; label: string };
  /** In front of the names of other figures: empty for Inception. */
  prefix: string;
  /** (B, 3, H, W) in [−1, 1] → (B, D) float32 */
  features: (images: Tensor) => Tensor;
  /** (B, D) → (B, classes), where there are classes. */
  logits?: (features: Tensor) => Tensor;
};

/** Features of the FID Inception; logits without bias, as the Inception Score takes them. */
export function inceptionFeatures(inception: Inception): PictureFeatures {
  return {
    name: "Inception",
    frechet: { name: "fid", label: "FID" },
    kernel: { name: "kid", label: "KID" },
    prefix: "",
    features: (images) => inception.forward(images),
    logits: (features) => inception.logits(features, { bias: false }),
  };
}

/**
 * Embeddings of any CLIP, as they leave its projection, not brought to length 1 (as in Kynkäänniemi et al. 2022, arXiv 2203.06026).
 * Distances in them depend on the CLIP: compare only figures of the same one.
 */
export function clipFeatures(clip: Clip): PictureFeatures {
  return {
    name: "CLIP",
    frechet: { name: "clip_fd", label: "CLIP-FD" },
    kernel: { name: "clip_kd", label: "CLIP-KD" },
    prefix: "clip_",
    features: (images) => inFloat32(clip, () => clip.encodeImage(clipInput(images, clip.config)).to("float32")),
  };
}

/** What a model draws with may compute in 16 bits; a figure should not change with that. */
export function inFloat32<T>(clip: Clip, run: () => T): T {
  const before = clip.computeDtype;
  clip.setComputeDtype("float32");
  try {
    return run();
  } finally {
    clip.setComputeDtype(before);
  }
}

export type FeatureOptions = {
  /** Radius of the blur before the features; see `gaussianBlur`. Default 0: none. */
  blur?: number;
  batchSize?: number;
  device?: Device;
  signal?: AbortSignal | undefined;
  onProgress?: ((done: number, total: number) => void) | undefined;
};

/** Features of pictures (N, D) on the CPU, and where each of them came from; unreadable pictures are left out. */
export async function featuresOf(
  pictures: PictureStream,
  by: PictureFeatures,
  options: FeatureOptions = {},
): Promise<{ features: Tensor; names: string[] }> {
  const { blur = 0, batchSize = 32, device = "cpu", signal, onProgress } = options;
  const parts: Tensor[] = [];
  const names: string[] = [];
  let done = 0;
  try {
    for await (const batch of pictures.batches(batchSize)) {
      signal?.throwIfAborted();
      if (batch.count > 0) {
        const features = noGrad(() =>
          tidy(() => by.features(gaussianBlur(toPixels(batch.images, batch, device), blur)).to("cpu")),
        );
        parts.push(keep(features));
        names.push(...batch.names);
      }
      done += batch.count + batch.skipped.length;
      onProgress?.(done, pictures.count);
      await new Promise((resume) => setImmediate(resume));
    }
    return { features: keep(cat(parts)), names };
  } finally {
    for (const part of parts) part.dispose();
  }
}
