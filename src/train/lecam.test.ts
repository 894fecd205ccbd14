import { expect, test } from "vitest";
import { Tensor } from "../tensor/tensor.ts";
import { Lecam } from "./lecam.ts";

const logits = (...values: number[]): Tensor => Tensor.from(values, [values.length]);

test("LeCAM pulls opinions to the averages of the other side, and the averages follow slowly", () => {
  const lecam = new Lecam({ weight: 0.5, device: "cpu" });
  // Both averages are 0 at first: real above 0 and reconstructed below 0 count, with their squares.
  expect(lecam.loss(logits(2, 0), logits(-1, 3)).item()).toBeCloseTo(0.5 * (2 + 0.5), 6);
  const averages = lecam.stateDict().get("averages")?.toNumbers();
  expect(averages?.[0]).toBeCloseTo(0.001, 6);
  expect(averages?.[1]).toBeCloseTo(0.001, 6);

  const other = new Lecam({ weight: 0.5, device: "cpu" });
  other.loadStateDict(lecam.stateDict());
  expect(other.loss(logits(1), logits(-1)).item()).toBe(lecam.loss(logits(1), logits(-1)).item());
});

test("its gradient is that of the squares", () => {
  const real = logits(2, -1).setRequiresGrad(true);
  new Lecam({ weight: 1, device: "cpu" }).loss(real, logits(5)).backward();
  expect(real.grad?.toNumbers()).toEqual([2, 0]);
});
