import { type Answers, attributes, type Attribute, checkComposition, isAllRight } from "../data/composition-checker.ts";
import type { Description } from "../data/composition-descriptions.ts";
import { type Interval, meanInterval, wilsonInterval } from "./intervals.ts";

// How well drawn pictures match their sentences, attribute by attribute, without a judge that was trained.

/** A sentence that was drawn: the part of the benchmark that it belongs to, and what it asks for. */
export type DrawnSentence = { split: string; wanted: Description };

/** What the checker says of one picture. */
export type Mark = { split: string; answers: Answers };

/** The columns of a score: every attribute, and all that a sentence asks for at once. */
export const scored = [...attributes, "all"] as const;
export type Scored = Attribute | "all";

/** The share of a split's sentences that are right in one attribute; `asked` is how many of one run ask for it. */
export type Score = Interval & { split: string; name: Scored; asked: number; runs: number };

/**
 * Checks every picture against its sentence.
 * @param images (N, size, size, 3) RGB bytes, in the order of the sentences
 * @throws RangeError where there are not as many pictures as sentences
 */
export function markPictures(
  sentences: readonly DrawnSentence[],
  { images, size }: { images: Uint8Array; size: number },
): Mark[] {
  const bytes = size * size * 3;
  if (images.length !== sentences.length * bytes) {
    throw new RangeError(
      `${sentences.length} sentences need ${sentences.length} pictures of ${size}×${size}, got ${images.length / bytes}`,
    );
  }
  return sentences.map(({ split, wanted }, index) => ({
    split,
    answers: checkComposition(images.subarray(index * bytes, (index + 1) * bytes), size, wanted),
  }));
}

/**
 * The scores of each split, in the order in which the splits come. Of one run, 95 % intervals are Wilson's and tell how
 * far so few sentences can be trusted; of several, they are those of the mean over runs (seeds), which may be of the same
 * sentences. What no sentence of a split asks for has no score.
 * @param runs one run's marks each
 */
export function scoreMarks(runs: readonly (readonly Mark[])[]): Score[] {
  const splits = [...new Set(runs.flat().map(({ split }) => split))];
  return splits.flatMap((split) =>
    scored.flatMap((name) => {
      const counts = runs.map((marks) => countRight(marks, split, name)).filter(({ asked }) => asked > 0);
      const [first] = counts;
      if (first === undefined) return [];
      const interval =
        counts.length === 1
          ? wilsonInterval(first.right, first.asked)
          : meanInterval(counts.map(({ right, asked }) => right / asked));
      return [{ ...interval, split, name, asked: first.asked, runs: counts.length }];
    }),
  );
}

function countRight(marks: readonly Mark[], split: string, name: Scored): { right: number; asked: number } {
  const answers = marks
    .filter((mark) => mark.split === split)
    .map((mark) => (name === "all" ? isAllRight(mark.answers) : mark.answers[name]))
    .filter((answer) => answer !== undefined);
  return { right: answers.filter(Boolean).length, asked: answers.length };
}

/**
 * Scores as text: a line a split, a column an attribute, in per cent with the ends of the interval.
 * A dash stands where no sentence asks for the attribute.
 */
export function scoreTable(scores: readonly Score[]): string {
  const splits = [...new Set(scores.map(({ split }) => split))];
  const rowOf = (split: string): string[] =>
    scored.map((name) => cellOf(scores.find((score) => score.split === split && score.name === name)));
  const table = [["", ...scored], ...splits.map((split) => [split].concat(rowOf(split)))];
  const widths = ["", ...scored].map((_, column) => Math.max(...table.map((row) => (row[column] ?? "").length)));
  return table
    .map((row) =>
      row
        .map((cell, column) => pad(cell, widths[column] ?? 0, column === 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function cellOf(score: Score | undefined): string {
  if (score === undefined) return "–";
  const { value, low, high } = score;
  return `${(100 * value).toFixed(1)} (${(100 * low).toFixed(0)}–${(100 * high).toFixed(0)})`;
}

function pad(cell: string, width: number, isName: boolean): string {
  return isName ? cell.padEnd(width) : cell.padStart(width);
}
