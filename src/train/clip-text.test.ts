import { expect, test } from "vitest";
import { bytesOf, tinyClip, tinyPictures } from "../../test/tiny.ts";
import { clipTraining } from "../config.ts";
import { clipTextStage } from "./clip-text.ts";

const config = clipTraining.parse({ steps: 200, batchSize: 6, warmup: 0, lr: 1e-2, precision: "float32" });

const mean = (some: number[]): number => some.reduce((sum, loss) => sum + loss, 0) / some.length;

test("captions find their pictures among all, and the picture tower stays as it was", () => {
  const clip = tinyClip();
  const seeing = (): Record<string, string> =>
    bytesOf(new Map([...clip.stateDict()].filter(([name]) => /^vision_model|^visual_projection/.test(name))));
  const before = seeing();
  const stage = clipTextStage({ clip, pictures: tinyPictures(8), config });
  const losses = Array.from({ length: 200 }, (_, step) => stage.step(step)["loss"] ?? Number.NaN);
  expect(mean(losses.slice(-20))).toBeLessThan(mean(losses.slice(0, 20)) - 0.3);
  expect(Object.keys(before).length).toBeGreaterThan(5);
  expect(seeing()).toEqual(before);
});

test("needs captions", () => {
  const { captions: _captions, ...pictures } = tinyPictures(4);
  expect(() => clipTextStage({ clip: tinyClip(), pictures, config })).toThrow("these have none");
});
