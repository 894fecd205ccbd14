import { normalize } from "../nn/functional.ts";
import { tidy } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { figure, formatNumber, tooFew, type Figure } from "./figure.ts";

const SOME = 5;
const ROWS_AT_ONCE = 256;

/**
 * Whether drawings are taken for what they are to show: the sentence whose real picture is nearest to a drawing should be its
 * own. Pictures with the same sentence are of one class, and the nearest of them counts.
 * @param sets.drawings (N, D) features, of the sentences in `asked`
 * @param sets.pictures (M, D) features, of the sentences in `shown`
 */
export function recognitionFigures(sets: {
  drawings: Tensor;
  asked: readonly string[];
  pictures: Tensor;
  shown: readonly string[];
}): Figure[] {
  const classes = new Set(sets.shown).size;
  const ranks = ranksOf(sets);
  const share = (most: number): number => ranks.filter((rank) => rank <= most).length / ranks.length;
  const unless = tooFew(2, { sentences: classes });
  return [
    figure(
      {
        name: "recognised",
        label: "Recognised",
        meaning: `The share of drawings whose nearest real picture, of ${classes} sentences, is of their own; by chance ${formatNumber(1 / classes)}.`,
        better: "higher",
      },
      () => share(1),
      { unless },
    ),
    figure(
      {
        name: "recognised_in_5",
        label: "… among five",
        meaning: `The share of drawings whose own sentence is among the ${SOME} whose pictures are nearest.`,
        better: "higher",
      },
      () => share(SOME),
      { unless: unless ?? (classes <= SOME ? `there are only ${classes} sentences` : undefined) },
    ),
  ];
}

/**
 * Whether CLIP, asked which of some sentences fits a drawing, says the drawing's own: zero-shot classification.
 * @param sets.drawings (N, D) features, of the sentences in `asked`
 * @param sets.texts (C, D) embeddings of `sentences`, each of which is there once
 */
export function namingFigure(sets: {
  drawings: Tensor;
  asked: readonly string[];
  texts: Tensor;
  sentences: readonly string[];
}): Figure {
  const { drawings, asked, texts, sentences } = sets;
  return figure(
    {
      name: "named",
      label: "Named",
      meaning: `The share of drawings for which CLIP, asked which of ${sentences.length} sentences fits, says their own; by chance ${formatNumber(1 / sentences.length)}.`,
      better: "higher",
    },
    () => {
      const ranks = ranksOf({ drawings, asked, pictures: texts, shown: sentences });
      return ranks.filter((rank) => rank === 1).length / ranks.length;
    },
    { unless: tooFew(2, { sentences: sentences.length }) },
  );
}

/** Of every drawing the place of its own sentence, 1 for the nearest; infinite where no picture shows it. */
export function ranksOf(sets: {
  drawings: Tensor;
  asked: readonly string[];
  pictures: Tensor;
  shown: readonly string[];
}): number[] {
  const { drawings, asked, pictures, shown } = sets;
  const ranks: number[] = [];
  for (let start = 0; start < asked.length; start += ROWS_AT_ONCE) {
    const some = asked.slice(start, start + ROWS_AT_ONCE);
    const similarity = tidy(() => {
      const rows = normalize(drawings.narrow(0, start, some.length).to("float64"));
      return rows
        .matmul(normalize(pictures.to("float64")).t())
        .flatten()
        .toNumbers();
    });
    for (const [row, sentence] of some.entries()) {
      const best = new Map<string, number>();
      for (const [i, other] of shown.entries()) {
        const value = similarity[row * shown.length + i] ?? -Infinity;
        if (value > (best.get(other) ?? -Infinity)) best.set(other, value);
      }
      const own = best.get(sentence) ?? -Infinity;
      const closer = [...best.values()].filter((value) => value > own).length;
      ranks.push(best.has(sentence) ? closer + 1 : Infinity);
    }
  }
  return ranks;
}
