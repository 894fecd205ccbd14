import type { Tensor } from "../tensor/tensor.ts";
import { nearestPictures } from "./distributions.ts";
import { figure, meanOf, quantile, tooFew, type Figure } from "./figure.ts";

/** The training picture that a picture is most like, by the cosine of their features. */
export type Nearest = { file: string; similarity: number };

export type Copies = {
  figures: Figure[];
  /** Of every drawing; nothing where there are too few pictures. */
  drawings: Nearest[];
  /** Of every picture that was not trained on. */
  heldOut: Nearest[];
};

/**
 * Whether drawings are copies: how alike each is to the nearest picture of the training, beside how alike pictures are that the
 * training never saw. Drawings that are closer than those were learned by heart.
 * @param sets.drawings (N, D)
 * @param sets.training (T, D), with the T files
 * @param sets.heldOut (M, D); none where all pictures were trained on
 */
export function findCopies(sets: {
  drawings: Tensor;
  training: { features: Tensor; names: readonly string[] };
  heldOut: Tensor | undefined;
}): Copies {
  const { training } = sets;
  const nearest = (features: Tensor | undefined): Nearest[] => {
    if (!features || features.size(0) < 2 || training.features.size(0) < 2) return [];
    return nearestPictures(features, training.features).map(({ index, similarity }) => ({
      file: training.names[index] ?? "",
      similarity,
    }));
  };
  const [drawings, heldOut] = [nearest(sets.drawings), nearest(sets.heldOut)];
  const few = tooFew(2, { drawings: sets.drawings.size(0), "training pictures": training.features.size(0) });
  const alone = sets.heldOut
    ? tooFew(2, { "pictures that were not trained on": sets.heldOut.size(0) })
    : "all of the pictures are among the training's";
  const figures = [
    ...similarityFigures(drawings, {
      prefix: "nearest_training",
      meaning: "How alike a drawing and the training picture nearest to it are (cosine), in the mean.",
      label: "Nearest training picture",
      unless: few,
    }),
    ...similarityFigures(heldOut, {
      prefix: "nearest_training_of_held_out",
      meaning: "The same of pictures that were not trained on: the yardstick. Drawings far above it may be copies.",
      label: "… of held-out pictures",
      unless: few ?? alone,
    }),
  ];
  return { figures, drawings, heldOut };
}

function similarityFigures(
  nearest: readonly Nearest[],
  { prefix, meaning, label, unless }: { prefix: string; meaning: string; label: string; unless: string | undefined },
): Figure[] {
  const values = nearest.map(({ similarity }) => similarity);
  const statistics = [
    { name: "mean", label, meaning, value: meanOf },
    { name: "median", label: `${label}, median`, meaning: "Half of them are more alike.", value: middle(0.5) },
    { name: "p95", label: `${label}, 95 %`, meaning: "One of twenty is more alike.", value: middle(0.95) },
    { name: "max", label: `${label}, most`, meaning: "The pair that is most alike.", value: middle(1) },
  ];
  return statistics.map((statistic) =>
    figure(
      { name: `${prefix}_${statistic.name}`, label: statistic.label, meaning: statistic.meaning },
      () => statistic.value(values),
      { unless },
    ),
  );
}

function middle(share: number): (values: readonly number[]) => number {
  return (values) => quantile(values, share);
}
