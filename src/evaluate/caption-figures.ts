import { normalize } from "../nn/functional.ts";
import { tidy } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { clipScores, rPrecision } from "./clip-score.ts";
import { figure, formatNumber, meanOf, tooFew, type Figure } from "./figure.ts";

export type Agreement = {
  figures: Figure[];
  /** CLIPScore of every drawing; nothing where they were drawn from pictures. */
  drawings: number[];
  /** CLIPScore of every picture with its own caption, where there are captions. */
  pictures: number[];
};

/**
 * How well drawings fit their sentences, and for comparison how well the pictures do that the sentences belong to.
 * All of them are embeddings by the CLIP that judges.
 * @param sets.texts (N, D) of the sentences that were drawn; none where there were none
 * @param sets.drawings (N, D)
 * @param sets.pictures (N, D) of the pictures that the sentences belong to, where they do
 */
export function captionFigures(sets: {
  texts: Tensor | undefined;
  drawings: Tensor;
  pictures: Tensor | undefined;
  judge: string;
}): Agreement {
  const { texts, drawings, pictures, judge } = sets;
  const unless = texts ? undefined : "the drawings were drawn from pictures, not from sentences";
  const scores = {
    drawings: texts ? clipScores(drawings, texts) : [],
    pictures: texts && pictures ? clipScores(pictures, texts) : [],
  };
  const noPictures = unless ?? (pictures ? undefined : "the sentences do not belong to the pictures");
  const precision = (images: Tensor | undefined): number => (texts && images ? rPrecision(images, texts) : Number.NaN);
  const count = drawings.size(0);
  const figures = [
    figure(
      {
        name: "clip_score",
        label: "CLIPScore",
        meaning: `How well the drawings fit their sentences in the eyes of ${judge}: 2.5 times the cosine.`,
        better: "higher",
      },
      () => meanOf(scores.drawings),
      { unless },
    ),
    figure(
      {
        name: "clip_score_of_pictures",
        label: "… of the pictures",
        meaning: "The same of the real pictures with their captions: what can be expected.",
      },
      () => meanOf(scores.pictures),
      { unless: noPictures },
    ),
    figure(
      {
        name: "r_precision",
        label: "R-precision",
        meaning: `The share of drawings that fit their own sentence better than any other of the ${count}; by chance ${formatNumber(1 / count)}.`,
        better: "higher",
      },
      () => precision(drawings),
      { unless: unless ?? tooFew(2, { drawings: count }) },
    ),
    figure(
      {
        name: "r_precision_of_pictures",
        label: "… of the pictures",
        meaning: "The same of the real pictures with their captions: what can be expected.",
      },
      () => precision(pictures),
      { unless: noPictures ?? tooFew(2, { drawings: count }) },
    ),
  ];
  return { figures, ...scores };
}

/**
 * The same for drawings that were drawn from pictures' own embeddings: how like its source each is.
 * @param sets.drawings (N, D)
 * @param sets.sources (N, D)
 */
export function sourceFigures({ drawings, sources }: { drawings: Tensor; sources: Tensor }): Figure[] {
  const count = drawings.size(0);
  return [
    figure(
      {
        name: "source_similarity",
        label: "Likeness to the source",
        meaning: "How like the picture that it was drawn from a drawing is (cosine), in the mean.",
        better: "higher",
      },
      () => tidy(() => normalize(drawings).mul(normalize(sources)).sum([1]).mean().item()),
    ),
    figure(
      {
        name: "source_precision",
        label: "Source found",
        meaning: `The share of drawings that are more like their own source than like any other of the ${count}; by chance ${formatNumber(1 / count)}.`,
        better: "higher",
      },
      () => rPrecision(drawings, sources),
      { unless: tooFew(2, { drawings: count }) },
    ),
  ];
}
