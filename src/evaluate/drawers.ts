import type { PictureStream } from "../data/picture-stream.ts";
import type { Networks } from "../generate/decode.ts";
import { drawEach, type DrawEachSettings, type DrawnPicture } from "../generate/draw-each.ts";
import type { DrawHooks } from "../generate/draw-rows.ts";
import type { Targets } from "../generate/targets.ts";
import type { Clip } from "../models/clip.ts";
import { normalize } from "../nn/functional.ts";
import { tidy } from "../tensor/scope.ts";
import { optimizeCodes, type OptimizeOptions } from "./baselines/vqgan-clip.ts";
import { nearestPictures } from "./distributions.ts";
import { clipFeatures, featuresOf } from "./features.ts";

/** What makes a picture for each target: a model, or what it is compared with. */
export type Drawer = (targets: Targets, hooks: DrawHooks) => Promise<DrawnPicture[]>;

export const drawingMethods = ["generate", "optimise", "retrieve"] as const;
export type DrawingMethod = (typeof drawingMethods)[number];

/** The model draws. */
export function generatingDrawer(networks: Networks, settings: DrawEachSettings): Drawer {
  return (targets, hooks) => drawEach(networks, targets, { ...settings, ...hooks });
}

/** VQGAN's codes are optimised against CLIP, some prompts at a time. */
export function optimizingDrawer(
  networks: Pick<Networks, "clip" | "vqgan">,
  { batchSize = 8, seed = 0, ...options }: Omit<OptimizeOptions, "onProgress" | "signal"> & { batchSize?: number },
): Drawer {
  return async ({ embedding, count: of }, { signal, onProgress }) => {
    const device = networks.clip.logitScale.device;
    const pictures: DrawnPicture[] = [];
    for (let start = 0; start < of; start += batchSize) {
      using batch = tidy(() =>
        embedding
          .narrow(0, start, Math.min(batchSize, of - start))
          .contiguous()
          .to(device),
      );
      const candidates = start + batch.size(0);
      const optimized = await optimizeCodes(networks, batch, {
        ...options,
        seed: seed + start,
        signal,
        onProgress: ({ step, steps }) => onProgress?.({ candidates, of, tokens: step, length: steps }),
      });
      pictures.push(...optimized);
    }
    return pictures;
  };
}

/** The training picture that CLIP finds closest. */
export function retrievingDrawer(clip: Clip, training: PictureStream): Drawer {
  return async ({ embedding }, { signal }) => {
    const { features } = await featuresOf(training, clipFeatures(clip), { device: clip.logitScale.device, signal });
    using known = features;
    const found = tidy(() => nearestPictures(embedding.to("cpu"), normalize(known)));
    const pixels = await pixelsAt(training, new Set(found.map(({ index }) => index)), signal);
    return found.map(({ index, similarity }) => ({
      pixels: pixels.get(index) ?? new Uint8Array(),
      size: training.size,
      tokens: [],
      seed: 0,
      score: similarity,
    }));
  };
}

/** Some pictures of a stream, by their number among those that can be read. */
async function pixelsAt(
  stream: PictureStream,
  wanted: ReadonlySet<number>,
  signal: AbortSignal | undefined,
): Promise<Map<number, Uint8Array>> {
  const bytes = stream.size ** 2 * 3 * stream.views;
  const found = new Map<number, Uint8Array>();
  let first = 0;
  for await (const { images, count } of stream.batches(64)) {
    signal?.throwIfAborted();
    for (let i = 0; i < count; i += 1) {
      if (wanted.has(first + i)) found.set(first + i, images.slice(i * bytes, i * bytes + stream.size ** 2 * 3));
    }
    first += count;
  }
  return found;
}
