import { describe, expect, test } from "vitest";
import { tinyEncoded, tinyGpt } from "../../test/tiny.ts";
import { gptTraining } from "../config.ts";
import { tidy } from "../tensor/scope.ts";
import { gptStage } from "./gpt.ts";
import { placesOf, RandomOrders } from "./token-orders.ts";

const data = await tinyEncoded();
const settings = { batchSize: 5, warmup: 0, precision: "float32", embeddingNoise: 0, conditionDrop: 0, lr: 5e-3 };

describe("random orders", () => {
  const gpt = tinyGpt({ anyOrder: true });
  const config = gptTraining.parse({ ...settings, steps: 100, randomOrder: 0.8 });

  test("are all there is at first, become seldom, and end", () => {
    const orders = new RandomOrders(gpt, config);
    const drawn = Array.from({ length: 100 }, (_, step) => tidy(() => orders.at(step)?.toNumbers()));
    const count = (from: number, to: number): number => drawn.slice(from, to).filter(Boolean).length;
    expect(count(0, 5)).toBe(5);
    expect(count(0, 40)).toBeGreaterThan(count(40, 80));
    expect(count(80, 100)).toBe(0);
    expect(drawn[0]?.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 16 }, (_, place) => place));
    expect(drawn[0]).not.toEqual(drawn[1]);
  });

  test("are undone by their places", () => {
    tidy(() => {
      const order = new RandomOrders(gpt, config).at(0);
      if (!order) throw new Error("the first step has a random order");
      expect(order.indexSelect(0, placesOf(order)).toNumbers()).toEqual(Array.from({ length: 16 }, (_, i) => i));
    });
  });

  test("teach a GPT that is built for them, and no other", () => {
    const stage = gptStage({ gpt: tinyGpt({ anyOrder: true }), data, config });
    const losses = Array.from({ length: 100 }, (_, step) => stage.step(step)["cross_entropy"] ?? Number.NaN);
    expect(losses.at(-1)).toBeLessThan((losses[0] ?? 0) - 0.5);
    expect(() => gptStage({ gpt: tinyGpt(), data, config })).toThrow("need a GPT with anyOrder");
  });
});
