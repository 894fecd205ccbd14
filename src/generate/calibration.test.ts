import { expect, test } from "vitest";
import { trainBpe } from "../io/tokenizers/train-bpe.ts";
import { calibrate, unfamiliar } from "./calibration.ts";

const known = calibrate(Array.from({ length: 101 }, (_, i) => (100 - i) / 100));

test("one in twenty known prompts scores lower than low, half lower than the median", () => {
  expect(known).toEqual({ prompts: 101, low: 0.05, median: 0.5 });
});

test("a low score is told, with the words that the vocabulary spells", () => {
  const tokenizer = trainBpe(["a red circle", "a red square", "a red circle", "a red square"], { vocabSize: 560 });
  expect(unfamiliar("a red circle", 0.06, known, tokenizer)).toBeUndefined();
  const told = unfamiliar("a red lawnmower", 0.04, known, tokenizer);
  expect(told).toContain("best score is 0.04");
  expect(told).toContain('may not know "lawnmower"');
  expect(unfamiliar("a red square", 0.04, known, tokenizer)).not.toContain("may not know");
  expect(unfamiliar("anything", Number.NaN, known)).toBeUndefined();
});
