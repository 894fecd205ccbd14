import { expect, test } from "vitest";
import { tinyStages } from "../../test/tiny-stages.ts";
import { settledTensors, tinyEncoded, tinyModel, tinyPictures } from "../../test/tiny.ts";
import type { GenerateOptions } from "../generate/pipeline.ts";
import { memoryFigures, setThreadCount } from "../tensor/engine.ts";
import { pictureGrid } from "../data/picture-grid.ts";

// Networks this small lose more time to waiting for other threads than they gain.
setThreadCount(1);

const STEPS = 50;
const WARM_UP = 5; // past the discriminator's start
const stages = tinyStages(await tinyEncoded(), STEPS + WARM_UP);

test.each(Object.entries(stages))("50 steps of training %s leave no tensor behind", async (_, { make }) => {
  const stage = make(1);
  const train = async (from: number, to: number): Promise<void> => {
    for (let step = from; step < to; step += 1) {
      await stage.load?.(step);
      stage.step(step);
    }
  };
  await train(0, WARM_UP);
  await stage.samples?.(WARM_UP);
  const before = await settledTensors();
  await train(WARM_UP, WARM_UP + STEPS);
  await stage.samples?.(WARM_UP + STEPS);
  expect(memoryFigures().tensors).toBeLessThanOrEqual(before);
});

test("20 drawings leave no tensor behind", async () => {
  const model = tinyModel();
  const { images, size } = tinyPictures(1);
  const { png } = await pictureGrid(images, { size, columns: 1 });
  const options: GenerateOptions[] = [
    { count: 2, candidates: 3, batchSize: 2 },
    { guidanceScale: 2, topK: 4 },
    { beams: 2 },
    { guidanceScale: 2, negativePrompt: "a blue star" },
    { beams: 2, guidanceScale: 2, negativePrompt: "" },
    { temperature: 0 },
  ];
  const drawAll = async (): Promise<void> => {
    for (const each of options) {
      await model.generate("a red circle", each);
      await model.vary(png, each);
    }
  };
  await drawAll();
  const before = await settledTensors();
  await drawAll();
  await drawAll();
  expect(memoryFigures().tensors).toBeLessThanOrEqual(before);
  await expect(model.generate("", { signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow("enough");
  expect(memoryFigures().tensors).toBeLessThanOrEqual(before);
});
