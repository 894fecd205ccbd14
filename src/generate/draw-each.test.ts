import { beforeAll, describe, expect, test } from "vitest";
import { settledTensors, tinyConditions, tinyGpt, tinyModel } from "../../test/tiny.ts";
import { memoryFigures, setThreadCount } from "../tensor/engine.ts";
import { drawEach } from "./draw-each.ts";
import { textTargets } from "./embed.ts";
import { ClipGen } from "./pipeline.ts";
import { Targets } from "./targets.ts";

// Networks this small lose more time to waiting for other threads than they gain.
beforeAll(() => setThreadCount(1));

const model = tinyModel();
const prompts = ["a red circle", "a blue star", "two green squares", "a ring", "a red circle"];

describe("drawing for each of many conditions", () => {
  test("gives what ClipGen draws for the same prompt, seed and candidates", async () => {
    using targets = textTargets(model, prompts);
    const settings = { candidates: 3, temperature: 0.9, topK: 12, topP: 0.95, guidanceScale: 1.5 };
    // 4 rows at a time, so that a condition's candidates lie in two batches.
    const drawn = await drawEach(model, targets, { ...settings, seed: 40, batchSize: 4 });
    expect(drawn).toHaveLength(prompts.length);
    for (const [i, prompt] of prompts.entries()) {
      const [alone] = await model.generate(prompt, { ...settings, count: 1, seed: 40 + 3 * i });
      expect(drawn[i]?.tokens).toEqual(alone?.tokens);
      expect(drawn[i]?.pixels).toEqual(alone?.pixels);
      expect(drawn[i]?.seed).toBe(alone?.seed);
      expect(drawn[i]?.score).toBeCloseTo(alone?.score ?? Number.NaN, 3);
    }
    expect(drawn[4]?.tokens).not.toEqual(drawn[0]?.tokens);
  });

  test("scores by the words, whatever the GPT draws from", async () => {
    const gpt = tinyGpt({ memorySize: 3 });
    gpt.memory = tinyConditions(3);
    const remembering = { clip: model.clip, vqgan: model.vqgan, gpt };
    using targets = textTargets(remembering, prompts);
    using looked = new Targets(targets.condition);
    const settings = { seed: 9 };
    const drawn = await drawEach(remembering, targets, settings);
    const same = await drawEach(remembering, looked, settings);
    const alone = await new ClipGen({ ...remembering, name: "tiny" }).generate("a blue star", { seed: 10 });
    expect(drawn.map(({ tokens }) => tokens)).toEqual(same.map(({ tokens }) => tokens));
    expect(drawn[1]?.score).toBeCloseTo(alone[0]?.score ?? Number.NaN, 3);
    expect(Math.abs((drawn[1]?.score ?? 0) - (same[1]?.score ?? 0))).toBeGreaterThan(0.01);
  });

  test("tells its progress, stops within one token, and leaves no tensor", async () => {
    using targets = textTargets(model, prompts);
    const progress: string[] = [];
    await drawEach(model, targets, {
      batchSize: 3,
      onProgress: ({ candidates, of, tokens, length }) => progress.push(`${candidates}/${of} ${tokens}/${length}`),
    });
    expect(progress).toHaveLength(32);
    expect([progress[0], progress[31]]).toEqual(["3/5 1/16", "5/5 16/16"]);

    const before = await settledTensors();
    const controller = new AbortController();
    let tokens = 0;
    const drawing = drawEach(model, targets, {
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
    using targets = textTargets(model, prompts);
    await expect(drawEach(model, targets, { candidates: 0 })).rejects.toThrow(/candidates is 0/);
    await expect(drawEach(model, targets, { topP: 2 })).rejects.toThrow(/topP is 2/);
  });
});
