import { streamOf, type PictureSet } from "../data/picture-stream.ts";
import { noGrad } from "../tensor/autograd.ts";
import { tidy } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { BLUR_RADII } from "./blur.ts";
import { frechetFigure, kernelFigure, precisionFigures } from "./distance-figures.ts";
import { inceptionScore } from "./distributions.ts";
import { featuresOf, type FeatureOptions, type PictureFeatures } from "./features.ts";
import { figure, type Figure } from "./figure.ts";

/** Fréchet distance against the blur's radius. */
export type BlurCurve = { label: string; points: { radius: number; distance: number }[] };

export type Comparison = {
  reconstruction: Figure[];
  drawings: Figure[];
  blur: BlurCurve;
  /** (N, D) and (M, D); dispose of them when done. */
  features: { pictures: Tensor; drawings: Tensor };
};

/** All figures that tell sets of pictures apart by some features. */
export async function compareSets(
  sets: { pictures: PictureSet; reconstructions: PictureSet; drawings: PictureSet },
  by: PictureFeatures,
  options: Omit<FeatureOptions, "blur" | "onProgress"> & {
    onProgress?: ((what: string, done: number, total: number) => void) | undefined;
  },
): Promise<Comparison> {
  const { onProgress, ...common } = options;
  const see = async (set: keyof typeof sets, blur = 0): Promise<Tensor> => {
    const what = `${by.name} looks at ${set}${blur === 0 ? "" : `, blurred by ${blur}`}`;
    const report = (done: number, total: number): void => onProgress?.(what, done, total);
    const { features } = await featuresOf(streamOf(sets[set]), by, { ...common, blur, onProgress: report });
    return features;
  };
  const pictures = await see("pictures");
  using again = await see("reconstructions");
  const rebuilt = { by, real: pictures, made: again, what: "reconstructions", prefix: "reconstruction_" };
  const drawings = await see("drawings");
  const drawn = { by, real: pictures, made: drawings, what: "drawings" };
  const distances = [{ radius: 0, distance: frechetFigure(drawn) }];
  for (const radius of BLUR_RADII) {
    if (radius >= sets.pictures.size) continue;
    using real = await see("pictures", radius);
    using made = await see("drawings", radius);
    distances.push({ radius, distance: frechetFigure({ ...drawn, real, made }, radius) });
  }
  return {
    reconstruction: [frechetFigure(rebuilt), kernelFigure(rebuilt)],
    drawings: [
      ...distances.map(({ distance }) => distance),
      kernelFigure(drawn),
      ...precisionFigures(drawn),
      ...(by.logits ? [inceptionScoreFigure({ by, features: drawings })] : []),
    ],
    blur: {
      label: by.frechet.label,
      points: distances.flatMap(({ radius, distance }) =>
        "value" in distance ? [{ radius, distance: distance.value }] : [],
      ),
    },
    features: { pictures, drawings },
  };
}

/** @param seen features of the drawings by a network that knows classes */
export function inceptionScoreFigure(seen: { by: PictureFeatures; features: Tensor } | undefined): Figure {
  return figure(
    {
      name: "inception_score",
      label: "Inception Score",
      meaning: "Higher where every drawing shows one of ImageNet's classes clearly, and all together many of them.",
      better: "higher",
    },
    () =>
      noGrad(() =>
        tidy(() => {
          const logits = seen?.by.logits?.(seen.features);
          return logits ? inceptionScore(logits).mean : Number.NaN;
        }),
      ),
    { unless: !seen && "it needs the weights of the FID Inception (--inception)" },
  );
}
