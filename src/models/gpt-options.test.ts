import { describe, expect, test } from "vitest";
import { tinyConditions, tinyGpt } from "../../test/tiny.ts";
import { noGrad } from "../tensor/autograd.ts";
import { cat, randint } from "../tensor/functions.generated.ts";
import { manualSeed } from "../tensor/random.ts";
import { tidy } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";

const condition = tinyConditions(3);
const tokens = (): Tensor => {
  manualSeed(8);
  return randint(0, 24, [3, 15], { dtype: "int64" });
};
const rows = Array.from({ length: 16 }, (_, place) => place);

describe.each([{ qkNorm: true }, { anyOrder: true }, { qkNorm: true, anyOrder: true }])("a GPT with %o", (changes) => {
  test("draws with a cache what it predicts without", () => {
    const gpt = tinyGpt(changes).eval();
    noGrad(() =>
      tidy(() => {
        const whole = gpt.forward(tokens(), condition);
        using cache = gpt.createCache(3);
        const pieces = [gpt.forward(tokens().narrow(1, 0, 6), condition, { cache })];
        for (let at = 6; at < 15; at += 1) pieces.push(gpt.forward(tokens().narrow(1, at, 1), undefined, { cache }));
        expect(cat(pieces, 1).sub(whole).abs().amax().item()).toBeLessThan(1e-5);
      }),
    );
  });
});

describe("tokens in any order", () => {
  const gpt = tinyGpt({ anyOrder: true }).eval();
  const forward = (order: readonly number[]): Tensor =>
    noGrad(() => gpt.forward(tokens(), condition, { order: Tensor.from(order, [order.length], "int64") }));

  test("row by row they are what they are without an order", () => {
    tidy(() => {
      const plain = noGrad(() => gpt.forward(tokens(), condition));
      expect(forward(rows).sub(plain).abs().amax().item()).toBeLessThan(1e-6);
    });
  });

  test("each prediction knows its place, and those of the tokens before it, and no later one", () => {
    tidy(() => {
      const lastTwoSwapped = [...rows.slice(0, 14), 15, 14];
      const difference = forward(lastTwoSwapped).sub(forward(rows)).abs().amax([0, 2]).toNumbers();
      expect(Math.max(...difference.slice(0, 14))).toBeLessThan(1e-6);
      expect(Math.min(...difference.slice(14))).toBeGreaterThan(1e-3);
    });
  });

  test("are refused by a GPT that knows rows only", () => {
    expect(() => tinyGpt().forward(tokens(), condition, { order: Tensor.from(rows, [16], "int64") })).toThrow(
      "anyOrder is off",
    );
  });
});
