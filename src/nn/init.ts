import { empty, full } from "../tensor/functions.generated.ts";
import { Parameter } from "../tensor/parameter.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { tidy } from "../tensor/scope.ts";

/** How parameters start: as networks that learn do, with whatever memory held, or with a shape alone. */
type Start = "drawn" | "unset" | "shape only";
let start: Start = "drawn";

/** Builds modules whose weights are about to be copied in: their random start is left out. */
export function withoutInit<T>(build: () => T): T {
  return starting("unset", build);
}

/** Builds modules that take no memory for parameters before `loadWeights` brings it; nothing else works with them. */
export function shapesOnly<T>(build: () => T): T {
  return starting("shape only", build);
}

function starting<T>(as: Start, build: () => T): T {
  const before = start;
  start = as;
  try {
    return build();
  } finally {
    start = before;
  }
}

function made(shape: readonly number[], fill: (values: Tensor) => Tensor): Parameter {
  return tidy(() => {
    if (start === "shape only") return new Parameter(empty([], { dtype: "float32" }).expand(shape));
    const values = empty(shape, { dtype: "float32" });
    return new Parameter(start === "unset" ? values : fill(values));
  });
}

/** A parameter drawn from N(0, std²). */
export function normal(shape: readonly number[], std: number): Parameter {
  return made(shape, (values) => values.normal_(0, std));
}

/** A parameter drawn from U(−bound, bound). */
export function uniform(shape: readonly number[], bound: number): Parameter {
  return made(shape, (values) => values.uniform_(-bound, bound));
}

/** PyTorch's default for linear and convolution weights and biases: U(−1/√fanIn, 1/√fanIn). */
export function fanIn(shape: readonly number[], inputs: number): Parameter {
  return uniform(shape, 1 / Math.sqrt(inputs));
}

export function zeros(shape: readonly number[]): Parameter {
  return constant(shape, 0);
}

export function constant(shape: readonly number[], value: number): Parameter {
  if (start === "shape only") return made(shape, (values) => values);
  return tidy(() => new Parameter(full(shape, value, { dtype: "float32" })));
}
