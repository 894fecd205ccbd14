import { expect, test } from "vitest";
import { trainBpe } from "../io/tokenizers/train-bpe.ts";
import { calibrate, unfamiliar } from "./calibration.ts";

const known = calibrate(Array.from({ length: 101 }, (_, i) => ({ score: (100 - i) / 100 })));

test("one in twenty known prompts scores lower than low, half lower than the median", () => {
  expect(known).toEqual({ prompts: 101, low: 0.05, median: 0.5 });
});

test("a low score is told, with the words that the vocabulary spells", () => {
  const tokenizer = trainBpe(["a red circle", "a red square", "a red circle", "a red square"], { vocabSize: 560 });
  expect(unfamiliar("a red circle", { score: 0.06 }, known, tokenizer)).toBeUndefined();
  const told = unfamiliar("a red lawnmower", { score: 0.04 }, known, tokenizer);
  expect(told).toContain("best score is 0.04");
  expect(told).toContain('may not know "lawnmower"');
  expect(unfamiliar("a red square", { score: 0.04 }, known, tokenizer)).not.toContain("may not know");
  expect(unfamiliar("anything", { score: Number.NaN }, known)).toBeUndefined();
});

test("where the model has a memory, what it finds there decides, and not the score", () => {
  const remembering = calibrate(Array.from({ length: 101 }, (_, i) => ({ score: i / 100, agreement: 1 - i / 200 })));
  expect(remembering.memory).toEqual({ agreement: 0.51 });
  expect(unfamiliar("a lemon", { score: 0, agreement: 0.6 }, remembering)).toBeUndefined();
  expect(unfamiliar("a tax report", { score: 0.9, agreement: 0.4 }, remembering)).toContain("little in common (0.40; ");
});
