import { beforeAll, describe, expect, test } from "vitest";
import { settledTensors, tinyModel } from "../../test/tiny.ts";
import { memoryFigures, setThreadCount } from "../tensor/engine.ts";
import { drawEach } from "./draw-each.ts";

// Networks this small lose more time to waiting for other threads than they gain.
beforeAll(() => setThreadCount(1));

const model = tinyModel();
const prompts = ["a red circle", "a blue star", "two green squares", "a ring", "a red circle"];

describe("drawing for each of many conditions", () => {
  test("gives what ClipGen draws for the same prompt, seed and candidates", async () => {
    using conditions = model.embedText(prompts);
    const settings = { candidates: 3, temperature: 0.9, topK: 12, topP: 0.95, guidanceScale: 1.5 };
    // 4 rows at a time, so that a condition's candidates lie in two batches.
    const drawn = await drawEach(model, conditions, { ...settings, seed: 40, batchSize: 4 });
    expect(drawn).toHaveLength(prompts.length);
    for (const [i, prompt] of prompts.entries()) {
      const [alone] = await model.generate(prompt, { ...settings, count: 1, seed: 40 + 3 * i });
      expect(drawn[i]?.tokens).toEqual(alone?.tokens);
      expect(drawn[i]?.pixels).toEqual(alone?.pixels);
      expect(drawn[i]?.seed).toBe(alone?.seed);
      expect(drawn[i]?.score).toBeCloseTo(alone?.score ?? Number.NaN, 6);
    }
    expect(drawn[4]?.tokens).not.toEqual(drawn[0]?.tokens);
  });

  test("tells its progress, stops within one token, and leaves no tensor", async () => {
    using conditions = model.embedText(prompts);
    const progress: string[] = [];
    await drawEach(model, conditions, {
      batchSize: 3,
      onProgress: ({ candidates, of, tokens, length }) => progress.push(`${candidates}/${of} ${tokens}/${length}`),
    });
    expect(progress).toHaveLength(32);
    expect([progress[0], progress[31]]).toEqual(["3/5 1/16", "5/5 16/16"]);

    const before = await settledTensors();
    const controller = new AbortController();
    let tokens = 0;
    const drawing = drawEach(model, conditions, {
      signal: controller.signal,
      onProgress: () => {
        tokens += 1;
        if (tokens === 2) controller.abort(new Error("enough"));
      },
    });
    await expect(drawing).rejects.toThrow("enough");
    expect(tokens).toBe(2);
    expect(memoryFigures().tensors).toBe(before);
  });

  test("refuses settings that are out of their range", async () => {
    using conditions = model.embedText(prompts);
    await expect(drawEach(model, conditions, { candidates: 0 })).rejects.toThrow(/candidates is 0/);
    await expect(drawEach(model, conditions, { topP: 2 })).rejects.toThrow(/topP is 2/);
  });
});
