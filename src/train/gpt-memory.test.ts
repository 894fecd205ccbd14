import { describe, expect, test } from "vitest";
import { tinyClip, tinyEncoded, tinyGpt } from "../../test/tiny.ts";
import { gptTraining } from "../config.ts";
import type { Gpt } from "../models/gpt.ts";
import { tidy } from "../tensor/scope.ts";
import { gptStage } from "./gpt.ts";

// Settings that trade time for memory: the step stays what it is.

/** The weights after some steps, and what the last one said. */
async function trained(settings: object, changes: object = {}): Promise<{ gpt: Gpt; said: Record<string, number> }> {
  const data = await tinyEncoded();
  const gpt = tinyGpt(changes);
  const config = gptTraining.parse({ batchSize: 6, warmup: 0, precision: "float32", ...settings });
  const stage = gptStage({ gpt, data, config, clip: tinyClip() });
  let said: Record<string, number> = {};
  for (let step = 0; step < 3; step += 1) said = stage.step(step);
  return { gpt, said };
}

function greatestDifference(a: Gpt, b: Gpt): number {
  return tidy(() => {
    const other = b.stateDict();
    return Math.max(
      ...Array.from(a.stateDict(), ([name, tensor]) => {
        const same = other.get(name);
        if (!same) throw new Error(`no ${name}`);
        return tensor.detach().sub(same.detach()).abs().amax().item();
      }),
    );
  });
}

describe("a batch in parts", () => {
  test.each([2, 3, 4, 100])("%i of them give the step of the whole", async (accumulate) => {
    const [whole, parts] = [await trained({}), await trained({ accumulate })];
    // Adam makes much of a little where gradients are small; steps are of 5e-4.
    expect(greatestDifference(whole.gpt, parts.gpt)).toBeLessThan(2e-4);
    expect(parts.said["grad_norm"]).toBeCloseTo(whole.said["grad_norm"] ?? Number.NaN, 4);
    expect(parts.said["loss"]).toBeCloseTo(whole.said["loss"] ?? Number.NaN, 4);
    expect(parts.said["cross_entropy"]).toBeCloseTo(whole.said["cross_entropy"] ?? Number.NaN, 4);
  });

  test("is refused where pictures of a batch are compared", async () => {
    await expect(trained({ accumulate: 2, objective: { contrastive: 1 } })).rejects.toThrow(
      "cannot be computed in parts",
    );
  });
});

test("blocks are computed again beside a CLIP that learns along", async () => {
  const settings = { objective: { contrastive: 0.5 }, conditionDrop: 0, embeddingNoise: 0 };
  const [plain, again] = [await trained(settings), await trained({ ...settings, checkpointActivations: true })];
  expect(greatestDifference(plain.gpt, again.gpt)).toBeLessThan(2e-5);
  expect(again.said["grad_norm"]).toBeCloseTo(plain.said["grad_norm"] ?? Number.NaN, 3);
});

test.each([{ dropout: 0 }, { dropout: 0.2 }])(
  "blocks that are computed again give the same gradients, %o",
  async (changes) => {
    const [plain, again] = [await trained({}, changes), await trained({ checkpointActivations: true }, changes)];
    expect(greatestDifference(plain.gpt, again.gpt)).toBeLessThan(2e-5);
    expect(again.said["loss"]).toBeCloseTo(plain.said["loss"] ?? Number.NaN, 5);
  },
);
