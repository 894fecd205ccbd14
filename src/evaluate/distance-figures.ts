import type { Tensor } from "../tensor/tensor.ts";
import { frechetDistance, kernelDistance, kernelDistanceOfSubsets, precisionAndRecall } from "./distributions.ts";
import type { PictureFeatures } from "./features.ts";
import { figure, tooFew, type Figure } from "./figure.ts";

const KID_SUBSET = 1000;
const NEIGHBOUR = 3;

type Sets = {
  by: PictureFeatures;
  /** (N, D) */
  real: Tensor;
  /** (M, D) */
  made: Tensor;
  /** What was made, in words: "drawings". */
  what: string;
  /** In front of the figures' names. */
  prefix?: string;
};

/** Fréchet distance; `blur` only names it: the features are those of blurred pictures already. */
export function frechetFigure({ by, real, made, what, prefix = "" }: Sets, blur = 0): Figure {
  const [count, dims] = [Math.min(real.size(0), made.size(0)), real.size(1)];
  const meaning =
    blur === 0
      ? `How far the ${what} as a whole are from the pictures in ${by.name}'s features (Fréchet distance).`
      : `The same after both were blurred by a radius of ${blur} ${blur === 1 ? "pixel" : "pixels"}: fine structure counts less.`;
  return figure(
    {
      name: `${prefix}${by.frechet.name}${blur === 0 ? "" : `_blur_${blur}`}`,
      label: `${by.frechet.label}${blur === 0 ? "" : `-${blur}`}`,
      meaning,
      better: "lower",
    },
    () => Math.max(0, frechetDistance(real, made)),
    {
      unless: tooFew(2, { pictures: real.size(0), [what]: made.size(0) }),
      note: count <= dims ? `too high, as ${count} pictures are few for ${dims} features` : undefined,
    },
  );
}

/** Kernel distance: over subsets as KID is reported where there are enough pictures, else over all of them. */
export function kernelFigure({ by, real, made, what, prefix = "" }: Sets): Figure {
  const subsets = Math.min(real.size(0), made.size(0)) > KID_SUBSET;
  return figure(
    {
      name: `${prefix}${by.kernel.name}`,
      label: by.kernel.label,
      meaning:
        "Another distance of the same sets (by a kernel), which does not grow where pictures are few; about 0 for sets that are alike.",
      better: "lower",
    },
    () => (subsets ? kernelDistanceOfSubsets(real, made, { size: KID_SUBSET }) : kernelDistance(real, made)),
    { unless: tooFew(2, { pictures: real.size(0), [what]: made.size(0) }) },
  );
}

export function precisionFigures({ by, real, made, what, prefix = "" }: Sets): Figure[] {
  const unless = tooFew(NEIGHBOUR + 1, { pictures: real.size(0), [what]: made.size(0) });
  const shares = unless === undefined ? precisionAndRecall(real, made, { k: NEIGHBOUR }) : undefined;
  return [
    figure(
      {
        name: `${prefix}${by.prefix}precision`,
        label: `Precision (${by.name})`,
        meaning: `The share of ${what} that lie where pictures lie: how many look real.`,
        better: "higher",
      },
      () => shares?.precision ?? Number.NaN,
      { unless },
    ),
    figure(
      {
        name: `${prefix}${by.prefix}recall`,
        label: `Recall (${by.name})`,
        meaning: `The share of pictures that lie where ${what} lie: how much of the variety is reached.`,
        better: "higher",
      },
      () => shares?.recall ?? Number.NaN,
      { unless },
    ),
  ];
}
