import { expect, test } from "vitest";
import { tinyPictures, tinyVqgan } from "../../test/tiny.ts";
import { vqganTraining } from "../config.ts";
import { vqganStage } from "./vqgan.ts";

const stage = (crop: number): object =>
  vqganStage({ vqgan: tinyVqgan(), pictures: tinyPictures(), config: vqganTraining.parse({ crop }) });

test("a crop that leaves no whole tokens is refused before a run begins", () => {
  expect(() => stage(0.1)).toThrow("crop 0.1 leaves 15 of 16 pixels a side, which do not divide into tokens of 4×4");
  expect(() => stage(0.25)).not.toThrow();
});
