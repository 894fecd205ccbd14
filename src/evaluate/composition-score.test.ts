import { describe, expect, test } from "vitest";
import { drawComposition } from "../data/composition-drawing.ts";
import { testSentence, testSplits } from "../data/composition-splits.ts";
import { type Mark, markPictures, type Score, type Scored, scoreMarks, scoreTable } from "./composition-score.ts";

const size = 32;
const sentences = testSplits.flatMap((split) =>
  Array.from({ length: 60 }, (_, index) => testSentence(split, 3, index)),
);
const pictures = sentences.map(({ composition }) => drawComposition(composition, size));

function valueOf(scores: readonly Score[], split: string, name: Scored): number | undefined {
  return scores.find((score) => score.split === split && score.name === name)?.value;
}

describe("scores of pictures", () => {
  const right = scoreMarks([markPictures(sentences, { images: Buffer.concat(pictures), size })]);

  test("are 1 for the compositions that the sentences were made from", () => {
    for (const { value, split, name } of right) expect(value, `${split}, ${name}`).toBeGreaterThanOrEqual(0.98);
  });

  test("are there for what is asked for alone", () => {
    expect(valueOf(right, "seen", "relation")).toBeUndefined();
    expect(valueOf(right, "relation", "relation")).toBe(1);
    expect(valueOf(right, "count", "position")).toBeUndefined();
    expect(right.find(({ split, name }) => split === "long" && name === "background")?.asked).toBe(60);
  });

  test("are low where each picture is another sentence's of its split", () => {
    const shifted = testSplits.flatMap((_, at) => {
      const own = pictures.slice(at * 60, (at + 1) * 60);
      return [...own.slice(1), ...own.slice(0, 1)];
    });
    const wrong = scoreMarks([markPictures(sentences, { images: Buffer.concat(shifted), size })]);
    for (const split of testSplits) {
      expect(valueOf(wrong, split, "all"), split).toBeLessThanOrEqual(0.07);
      // One of eight by chance, where there is one object or are alike ones.
      expect(valueOf(wrong, split, "color"), split).toBeLessThan(0.35);
      expect(valueOf(wrong, split, "shape"), split).toBeLessThan(0.35);
    }
    expect(valueOf(wrong, "relation", "relation")).toBeLessThan(0.5);
  });

  test("need as many pictures as sentences", () => {
    expect(() => markPictures(sentences.slice(0, 2), { images: Buffer.concat(pictures.slice(0, 3)), size })).toThrow(
      "2 sentences need 2 pictures of 32×32, got 3",
    );
  });
});

describe("scoreMarks", () => {
  const asks = { size: undefined, texture: undefined, position: undefined, background: undefined, relation: undefined };
  const marks = (rights: number, of: number): Mark[] =>
    Array.from({ length: of }, (_, index) => ({
      split: "seen",
      answers: { ...asks, count: true, color: index < rights, shape: true },
    }));

  test("gives Wilson's interval for one run, and that of the mean for several", () => {
    const one = scoreMarks([marks(8, 10)]).find(({ name }) => name === "color");
    expect(one).toMatchObject({ value: 0.8, asked: 10, runs: 1 });
    expect(one?.low).toBeCloseTo(0.49, 2);
    const several = scoreMarks([marks(5, 10), marks(6, 10), marks(7, 10)]).find(({ name }) => name === "all");
    expect(several?.value).toBeCloseTo(0.6, 12);
    expect(several?.high).toBeCloseTo(0.6 + 0.196 / Math.sqrt(3), 12);
    expect(several).toMatchObject({ asked: 10, runs: 3 });
  });

  test("makes a table", () => {
    const lines = scoreTable(scoreMarks([marks(8, 10)])).split("\n");
    expect(lines[0]?.trim().split(/\s+/)).toEqual(
      "count color shape size texture position background relation all".split(" "),
    );
    expect(lines[1]).toMatch(/^seen {2,}100\.0 \(72–100\) {2,}80\.0 \(49–94\) .* – +80\.0 \(49–94\)$/);
    expect(new Set(lines.map(({ length }) => length)).size).toBe(1);
  });
});
