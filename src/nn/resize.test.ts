import { expect, test } from "vitest";
import { arange } from "../tensor/functions.generated.ts";
import { Tensor } from "../tensor/tensor.ts";
import { centerCrop, resizeBicubic, resizedShape, resizeNearest } from "./resize.ts";

test.each([
  [[201, 300], 32, [32, 47]],
  [[131, 97], 64, [86, 64]],
  [[50, 50], 7, [7, 7]],
] as const)("a picture of %j with the shorter side %i is %j", (shape, shorter, expected) => {
  expect(resizedShape(shape, shorter)).toEqual(expected);
});

test.each([
  [7, 4, 2], // 1.5 → 2
  [9, 4, 2], // 2.5 → 2
  [8, 4, 2],
  [11, 4, 4], // 3.5 → 4
])("of %i pixels the middle %i begin at %i", (length, size, start) => {
  const column = arange(0, length, 1, { dtype: "float32" }).view([1, 1, length, 1]);
  const image = column.expand([1, 1, length, length]);
  expect(centerCrop(image, size).select(3, 0).toNumbers()[0]).toBe(start);
});

test("bicubic is Catmull-Rom: enlarged twice, a step has its overshoot", () => {
  const step = Tensor.from([0, 0, 0, 0, 1, 1, 1, 1], [1, 1, 1, 8]);
  const values = resizeBicubic(step, [1, 16]).toNumbers().slice(4, 12);
  // The kernel with a = −0.5 at distances 1.75, 0.75, 0.25, 1.25.
  const expected = [0, -0.0234375, -0.0703125, 0.203125, 0.796875, 1.0703125, 1.0234375, 1];
  for (const [i, value] of values.entries()) expect(value).toBeCloseTo(expected[i] ?? NaN, 6);
});

test("the nearest pixel is the one under the middle of the new one", () => {
  const row = arange(0, 10, 1, { dtype: "float32" }).view([1, 1, 1, 10]);
  expect(resizeNearest(row, [1, 4]).toNumbers()).toEqual([1, 3, 6, 8]);
});
