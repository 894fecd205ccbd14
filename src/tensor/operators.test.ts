import { readFileSync } from "node:fs";
import { afterAll, describe, expect, test, vi } from "vitest";
import { gradientError } from "../../test/finite-difference.ts";
import { arithmetic } from "../../test/operator-cases/arithmetic.ts";
import { doubles, shapeOf, valuesOf, type Nested, type OperatorCase } from "../../test/operator-cases/case.ts";
import { creation } from "../../test/operator-cases/creation.ts";
import { images } from "../../test/operator-cases/images.ts";
import { networks } from "../../test/operator-cases/networks.ts";
import { reductions } from "../../test/operator-cases/reductions.ts";
import { shapes } from "../../test/operator-cases/shapes.ts";
import { native } from "./native.ts";
import { tidy } from "./scope.ts";
import { Tensor } from "./tensor.ts";

const CASES = { ...arithmetic, ...reductions, ...shapes, ...images, ...networks, ...creation };

type Line = { name: string; overloads: string[] };

function parseLine(line: string): Line {
  const [name = "", overloads = name] = line
    .replace(/^fn /, "")
    .split("=")
    .map((part) => part.trim());
  return { name, overloads: overloads.split(",").map((part) => part.trim()) };
}

const LINES = readFileSync(new URL("../../scripts/operators.txt", import.meta.url), "utf8")
  .split("\n")
  .map((line) => line.trim())
  .filter((line) => line !== "" && !line.startsWith("#") && !line.includes("clip_gen::")) // those: kernels.test.ts
  .map(parseLine);

const called = vi.spyOn(native, "call");
afterAll(() => called.mockRestore());

function call({ run }: OperatorCase, inputs: readonly Tensor[]): Tensor | readonly Tensor[] {
  const none = doubles([]);
  const [x = none, y = none, z = none, v = none, w = none] = inputs;
  return run(x, y, z, v, w);
}

/** Results and what they should be, pair by pair: an operator with several results has a list of each. */
function pairs(results: Tensor | readonly Tensor[], expected: Nested): { result: Tensor; expected: Nested }[] {
  if (results instanceof Tensor) return [{ result: results, expected }];
  if (typeof expected === "number") throw new TypeError("several results need a list of expected ones");
  expect(results.length).toBe(expected.length);
  return results.map((result, i) => ({ result, expected: expected[i] ?? [] }));
}

function expectNumbers(actual: Tensor, expected: Nested): void {
  expect(actual.shape).toEqual(shapeOf(expected));
  const numbers = actual.toNumbers();
  const tolerance = actual.dtype === "float64" ? 1e-13 : 1e-6;
  valuesOf(expected).forEach((value, i) => {
    expect(Math.abs((numbers[i] ?? NaN) - value), `element ${i} is ${numbers[i]}, not ${value}`).toBeLessThanOrEqual(
      tolerance * (1 + Math.abs(value)),
    );
  });
}

test("every operator in scripts/operators.txt has a case, and every case an operator", () => {
  expect(LINES.map(({ name }) => name).filter((name) => !(name in CASES))).toEqual([]);
  expect(Object.keys(CASES).filter((name) => !LINES.some((line) => line.name === name))).toEqual([]);
});

describe.each(LINES.filter(({ name }) => name in CASES))("$name", ({ name, overloads }) => {
  const cases = CASES[name] ?? [];

  test("gives the known numbers", () => {
    called.mockClear();
    for (const one of cases) {
      tidy(() => {
        const results = pairs(call(one, one.inputs.map(doubles)), one.expected);
        const dtypes = [one.dtype ?? results.map(() => "float64")].flat();
        expect(results.map(({ result }) => result.dtype)).toEqual(dtypes);
        for (const { result, expected } of results) expectNumbers(result, expected);
      });
    }
    // Each overload of the line has been reached by one of the cases.
    const reached = new Set(called.mock.calls.map(([operator]) => operator));
    const missed = overloads.filter((overload) => {
      const [base, variant = ""] = overload.split(".");
      return !reached.has(native.findOperator(`aten::${base}`, variant));
    });
    expect(missed).toEqual([]);
  });

  const differentiable = cases.filter(({ gradient }) => gradient !== false);
  if (differentiable.length === 0) return;
  test("has the gradient of finite differences", () => {
    for (const one of differentiable) {
      const inputs = one.inputs.map(doubles);
      expect(gradientError({ inputs, run: (moved) => [call(one, moved)].flat() })).toBeLessThan(1e-7);
    }
  });
});
