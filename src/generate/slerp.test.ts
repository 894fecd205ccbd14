import { describe, expect, test } from "vitest";
import { Random } from "../random.ts";
import { angleBetween, slerpShare } from "./slerp.ts";

function unit(values: readonly number[]): number[] {
  const length = Math.hypot(...values);
  return values.map((value) => value / length);
}

function randomUnit(random: Random, length: number): number[] {
  return unit(Array.from({ length }, () => random.normal()));
}

/** What the share stands for: the blend of both, made a unit again. */
function slerp(a: readonly number[], b: readonly number[], t: number): number[] {
  const share = slerpShare(a, b, t);
  return unit(a.map((value, i) => (1 - share) * value + share * (b[i] ?? 0)));
}

describe("slerp", () => {
  test("goes in even angles, and gives Shoemake's vectors, which are units by themselves", () => {
    const random = new Random("slerp");
    for (let round = 0; round < 20; round += 1) {
      const [a, b] = [randomUnit(random, 64), randomUnit(random, 64)];
      const angle = angleBetween(a, b);
      const steps = Array.from({ length: 8 }, (_, i) => slerp(a, b, i / 7));
      for (const [i, step] of steps.entries()) {
        const [from, to] = [Math.sin((1 - i / 7) * angle), Math.sin((i / 7) * angle)].map((x) => x / Math.sin(angle));
        for (const [d, value] of step.entries()) {
          expect(value).toBeCloseTo((from ?? 0) * (a[d] ?? 0) + (to ?? 0) * (b[d] ?? 0), 10);
        }
        if (i > 0) expect(angleBetween(steps[i - 1] ?? [], step)).toBeCloseTo(angle / 7, 10);
      }
    }
  });

  test("starts at one and ends at the other, exactly", () => {
    const [a, b] = [unit([1, 2, 3]), unit([-3, 1, 0.5])];
    expect([0, 1].map((t) => slerpShare(a, b, t))).toEqual([0, 1]);
    expect(slerpShare(a, b, 0.5)).toBeCloseTo(0.5, 12);
  });

  test("stays where both are the same, or differ by rounding", () => {
    const a = unit([1, 2, 3]);
    for (const t of [0.25, 0.5, 0.9]) {
      expect(slerpShare(a, a, t)).toBe(t);
      expect(slerpShare(a, [...a.slice(0, 2), (a[2] ?? 0) + 1e-8], t)).toBe(t);
      expect(slerpShare(a, unit([1, 2, 3.0001]), t)).toBeCloseTo(t, 6);
    }
  });

  test("refuses opposite ones, between which it would be NaN or anything", () => {
    const a = unit([1, 2, 3]);
    const opposite = a.map((value) => -value);
    expect(() => slerpShare(a, opposite, 0.5)).toThrow(/opposite.*put a stop between them/);
    expect(() => slerpShare(a, unit(opposite.map((value, i) => value + (i === 0 ? 1e-5 : 0))), 0.5)).toThrow(
      RangeError,
    );
    expect(slerpShare(a, unit([-1, -2, -2.9]), 0.5)).toBeCloseTo(0.5, 9);
  });
});

test("small angles do not drown in rounding", () => {
  expect(angleBetween([1, 0], [Math.cos(1e-9), Math.sin(1e-9)])).toBeCloseTo(1e-9, 14);
  expect(angleBetween([1, 0], [0, -1])).toBeCloseTo(Math.PI / 2, 12);
});
