import { expect, test } from "vitest";
import { Tensor } from "../tensor/tensor.ts";
import { namingFigure, ranksOf, recognitionFigures } from "./recognition-figures.ts";

const angle = (...degrees: number[]): Tensor =>
  Tensor.from(
    degrees.flatMap((each) => [Math.cos((each * Math.PI) / 180), Math.sin((each * Math.PI) / 180)]),
    [degrees.length, 2],
  );

test("a drawing is of the sentence whose nearest picture is nearest", () => {
  const pictures = angle(0, 80, 40, 120, 160, 200, 240);
  const shown = ["a", "a", "b", "c", "d", "e", "f"];
  const drawings = angle(75, 50, 130, 5);
  const sets = { drawings, asked: ["a", "a", "b", "z"], pictures, shown };
  // 75° has the second a at 5°; 50° has b at 10° and an a at 30°; 130° has c, d, a (50°) and e (70°) before b (90°).
  expect(ranksOf(sets)).toEqual([1, 2, 5, Infinity]);
  const [first, five] = recognitionFigures(sets);
  expect(first).toMatchObject({ name: "recognised", value: 0.25 });
  expect(five).toMatchObject({ name: "recognised_in_5", value: 0.75 });
});

test("a drawing is named by the sentence that is nearest", () => {
  const drawings = angle(10, 50, 80);
  const named = namingFigure({ drawings, asked: ["a", "a", "b"], texts: angle(0, 90), sentences: ["a", "b"] });
  expect(named).toMatchObject({ name: "named" });
  expect("value" in named && named.value).toBeCloseTo(2 / 3); // 50° is nearer to b
});

test("few sentences tell nothing", () => {
  const [first, five] = recognitionFigures({ drawings: angle(0), asked: ["a"], pictures: angle(0), shown: ["a"] });
  expect(first).toMatchObject({ leftOut: "it needs 2 sentences, there is 1" });
  expect(five).toHaveProperty("leftOut");
});
