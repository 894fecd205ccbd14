import { streamOf, type PictureSet } from "../data/picture-stream.ts";
import type { Clip } from "../models/clip.ts";
import { normalize } from "../nn/functional.ts";
import { tidy } from "../tensor/scope.ts";
import { frechetFigure, kernelFigure } from "./distance-figures.ts";
import { clipFeatures, featuresOf, type FeatureOptions } from "./features.ts";
import { figure, type Figure } from "./figure.ts";

/** How far reconstructions are from their pictures in the eyes of a CLIP: each from its own, and all from all. */
export async function likenessFigures(
  pictures: PictureSet,
  reconstructions: PictureSet,
  { clip, ...options }: Omit<FeatureOptions, "blur"> & { clip: Clip },
): Promise<Figure[]> {
  const by = clipFeatures(clip);
  const before = await featuresOf(streamOf(pictures), by, options);
  const after = await featuresOf(streamOf(reconstructions), by, options);
  using real = before.features;
  using made = after.features;
  const sets = { by, real, made, what: "reconstructions", prefix: "reconstruction_" };
  return [
    figure(
      {
        name: "reconstruction_clip_distance",
        label: "CLIP distance",
        meaning: "1 − cosine between CLIP's embeddings of a picture and of its reconstruction, in the mean.",
        better: "lower",
      },
      () => tidy(() => 1 - normalize(real).mul(normalize(made)).sum([1]).mean().item()),
    ),
    frechetFigure(sets),
    kernelFigure(sets),
  ];
}
