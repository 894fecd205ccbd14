import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { readSafetensors } from "../src/tensor/safetensors.ts";
import type { Tensor } from "../src/tensor/tensor.ts";

const root = fileURLToPath(new URL("../../shared/golden/", import.meta.url));

/** Whether the golden numbers of the reference implementations lie beside this checkout. */
export const hasGolden: boolean = existsSync(root);
/** For the name of a test group: says why its tests were skipped. */
export const goldenNote: string = hasGolden ? "" : " (skipped: ../shared/golden is not here)";

/** The names of all cases that begin so. */
export function goldenCases(prefix: string): string[] {
  const names = hasGolden ? readdirSync(root) : [];
  return names.filter((name) => name.startsWith(prefix) && existsSync(join(root, name, "case.json")));
}

type Tolerance = { atol: number; rtol: number } | "exact";
type Expected = { role: string; shape: number[]; tolerance?: Tolerance; [detail: string]: unknown };

/** One case: inputs and outputs of a reference implementation, with the tolerance of each output. */
export class Golden {
  readonly folder: string;
  readonly config: Record<string, unknown>;
  readonly values: Record<string, unknown>;
  readonly #expected: Record<string, Expected>;
  readonly #tensors: Map<string, Tensor>;

  constructor(name: string) {
    this.folder = join(root, name);
    const file: {
      config: Record<string, unknown>;
      values: Record<string, unknown>;
      tensors: Record<string, Expected>;
    } = JSON.parse(readFileSync(join(this.folder, "case.json"), "utf8"));
    this.config = file.config;
    this.values = file.values;
    this.#expected = file.tensors;
    this.#tensors = readSafetensors(join(this.folder, "io.safetensors"));
  }

  path(file: string): string {
    return join(this.folder, file);
  }

  has(name: string): boolean {
    return this.#tensors.has(name);
  }

  get names(): string[] {
    return Object.keys(this.#expected);
  }

  /** Everything that the case tells of a tensor; an empty record where it has none of that name. */
  details(name: string): Readonly<Record<string, unknown>> {
    return this.#expected[name] ?? {};
  }

  tensor(name: string): Tensor {
    const tensor = this.#tensors.get(name);
    if (!tensor) throw new Error(`the golden case ${this.folder} has no tensor ${name}`);
    return tensor;
  }

  /** Fails unless the tensor is what the reference computed, within the tolerance that the case states. */
  expectEqual(name: string, actual: Tensor): void {
    const { tolerance } = this.#expected[name] ?? {};
    const expected = this.tensor(name);
    expect(actual.shape, name).toEqual(expected.shape);
    const difference = greatestDifference(actual, expected);
    const allowed = tolerance === undefined || tolerance === "exact" ? 0 : tolerance.atol;
    expect(difference, `greatest difference of ${name}`).toBeLessThanOrEqual(allowed);
  }
}

/** The greatest absolute difference of two tensors; equal infinities count as equal. */
export function greatestDifference(actual: Tensor, expected: Tensor): number {
  const b = expected.toNumbers();
  return actual.toNumbers().reduce((greatest, value, i) => {
    const other = b[i] ?? Number.NaN;
    const difference = Object.is(value, other) ? 0 : Math.abs(value - other);
    return Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(greatest, difference);
  }, 0);
}
