import { expect, test } from "vitest";
import { bytesOf, tinyClip, tinyClipConfig, tinyPictures } from "../../test/tiny.ts";
import { clipTraining } from "../config.ts";
import { trainBpe } from "../io/tokenizers/train-bpe.ts";
import { Clip } from "../models/clip.ts";
import { tidy } from "../tensor/scope.ts";
import { tokensOf } from "./clip.ts";
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

test("words fall into other pieces in other steps and rows, and into the same ones whoever has the row", () => {
  const captions = ["a red circle", "a red circle", "a red circle", "a red circle"];
  const tokenizer = trainBpe([...captions, "a blue circle"], { vocabSize: 530 });
  const text = { ...tinyClipConfig.text, vocabSize: tokenizer.vocabSize, contextLength: 24 };
  const clip = new Clip({ ...tinyClipConfig, text }, tokenizer);
  const rows = (some: string[], at: { step: number; firstRow: number }, mergeDropout = 0.5): string[] => {
    const ids = tidy(() => {
      const tokens = tokensOf(clip, some, { seed: 1, ...at, mergeDropout });
      return Array.from(some, (_, row) => tokens.narrow(0, row, 1).flatten().toNumbers());
    });
    return ids.map((row) => row.filter((id) => id !== 0).join(" "));
  };
  const all = rows(captions, { step: 3, firstRow: 0 });
  expect(new Set(all).size).toBeGreaterThan(1);
  expect(rows(captions.slice(2), { step: 3, firstRow: 2 })).toEqual(all.slice(2));
  expect(rows(captions, { step: 4, firstRow: 0 })).not.toEqual(all);
  expect(new Set(rows(captions, { step: 3, firstRow: 0 }, 0)).size).toBe(1);
});
