import { expect, test } from "vitest";
import { grad } from "../tensor/autograd.ts";
import { Tensor } from "../tensor/tensor.ts";
import { normalize } from "./functional.ts";

test("normalize gives unit vectors and leaves a zero vector alone, with a finite gradient", () => {
  const x = Tensor.from([3, 4, 0, 0], [2, 2]).setRequiresGrad(true);
  const y = normalize(x);
  const expected = [0.6, 0.8, 0, 0];
  for (const [i, value] of y.toNumbers().entries()) expect(value).toBeCloseTo(expected[i] ?? NaN, 6);
  expect(grad([y.sum()], [x])[0]?.isfinite().all().item()).toBe(1);
});
