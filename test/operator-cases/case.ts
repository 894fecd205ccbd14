import type { DType } from "../../src/tensor/dtype.ts";
import { Tensor } from "../../src/tensor/tensor.ts";

/** Numbers whose nesting is the tensor's shape. */
export type Nested = number | readonly Nested[];

/** One call of an operator with numbers that are known from its definition. */
export type OperatorCase = {
  /** Float64 arguments, at most five; the gradient is checked for each of them. */
  inputs: readonly Nested[];
  run: (x: Tensor, y: Tensor, z: Tensor, v: Tensor, w: Tensor) => Tensor | readonly Tensor[];
  /** The result; for an operator with several results a list of them. */
  expected: Nested;
  /** Of the result, or of each; float64 by default. */
  dtype?: DType | readonly DType[];
  /** False where the operator has no derivative, or none at these inputs. */
  gradient?: false;
};

/** Cases by the name of the method or function, as in scripts/operators.txt. */
export type OperatorCases = Readonly<Record<string, readonly OperatorCase[]>>;

export function shapeOf(nested: Nested): number[] {
  return typeof nested === "number" ? [] : [nested.length, ...shapeOf(nested[0] ?? 0)];
}

export function valuesOf(nested: Nested): number[] {
  return typeof nested === "number" ? [nested] : nested.flatMap(valuesOf);
}

export function doubles(nested: Nested): Tensor {
  return Tensor.from(Float64Array.from(valuesOf(nested)), shapeOf(nested));
}

export function integers(nested: Nested): Tensor {
  return Tensor.from(valuesOf(nested), shapeOf(nested), "int64");
}

export function booleans(nested: Nested): Tensor {
  return Tensor.from(valuesOf(nested), shapeOf(nested), "bool");
}
