import { expect, test } from "vitest";
import { meanInterval, wilsonInterval } from "./intervals.ts";

test("Wilson's interval has the values that are published for it", () => {
  // As R's binom.confint(method = "wilson") gives them.
  const some = wilsonInterval(8, 10);
  expect([some.value, some.low, some.high].map((value) => value.toFixed(3))).toEqual(["0.800", "0.490", "0.943"]);
  const none = wilsonInterval(0, 10);
  expect([none.low.toFixed(3), none.high.toFixed(3)]).toEqual(["0.000", "0.278"]);
  const all = wilsonInterval(400, 400);
  expect([all.low.toFixed(4), all.high]).toEqual(["0.9905", 1]);
});

test("the interval of a mean is 1.96 standard errors to either side", () => {
  const { value, low, high } = meanInterval([0.5, 0.6, 0.7]);
  expect(value).toBeCloseTo(0.6, 12);
  expect(high - value).toBeCloseTo((1.96 * 0.1) / Math.sqrt(3), 12);
  expect(value - low).toBeCloseTo(high - value, 12);
});

test("too little to make an interval of is an error", () => {
  expect(() => wilsonInterval(0, 0)).toThrow("at least one trial");
  expect(() => wilsonInterval(3, 2)).toThrow("3 of 2");
  expect(() => meanInterval([1])).toThrow("at least two values, got 1");
});
