import { expect, test } from "vitest";
import { gather, spread } from "./rows.ts";

test("gather copies whole rows in the order that is asked for", () => {
  const data = Int32Array.from([0, 1, 10, 11, 20, 21]);
  expect([...gather(new Int32Array(6), data, [2, 0, 2])]).toEqual([20, 21, 0, 1, 20, 21]);
});

test("spread takes rows evenly apart, and all where there are few", () => {
  expect(spread(100, 4)).toEqual([0, 25, 50, 75]);
  expect(spread(9, 8)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  expect(spread(3, 8)).toEqual([0, 1, 2]);
  expect(spread(0, 8)).toEqual([]);
});
