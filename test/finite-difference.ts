import { grad } from "../src/tensor/autograd.ts";
import { tidy } from "../src/tensor/scope.ts";
import { Tensor } from "../src/tensor/tensor.ts";

/** A function of float64 tensors; gradients flow from those of its results that are float64. */
export type Differentiable = { inputs: readonly Tensor[]; run: (inputs: readonly Tensor[]) => readonly Tensor[] };

const STEP = 1e-5;

/**
 * The largest difference between autograd's gradient and central finite differences, relative where the gradient is
 * larger than 1. The results are weighted by fixed numbers first: a plain sum hides errors (that of a softmax is 1).
 */
export function gradientError({ inputs, run }: Differentiable): number {
  const values = inputs.map((input) => input.toNumbers());
  const lossAt = (index: number, element: number, delta: number): number =>
    tidy(() => {
      const moved = inputs.map((input, i) =>
        i === index ? float64(withDelta(values[i] ?? [], element, delta), input.shape) : input,
      );
      return weightedSum(run(moved)).item();
    });
  const leaves = inputs.map((input) => input.detach().setRequiresGrad(true));
  const gradients = grad([weightedSum(run(leaves))], leaves);
  const errors = values.flatMap((elements, index) => {
    const gradient = gradients[index]?.toNumbers();
    return elements.map((_, element) => {
      const expected = (lossAt(index, element, STEP) - lossAt(index, element, -STEP)) / (2 * STEP);
      return Math.abs((gradient?.[element] ?? 0) - expected) / Math.max(1, Math.abs(expected));
    });
  });
  return errors.reduce((most, error) => (error <= most ? most : error), 0);
}

function weightedSum(results: readonly Tensor[]): Tensor {
  const sums = results
    .filter((result) => result.dtype === "float64")
    .map((result) => {
      const weights = Array.from({ length: result.numel }, (_, i) => Math.cos(i + 1));
      return result.mul(float64(weights, result.shape)).sum();
    });
  return sums.reduce((total, sum) => total.add(sum));
}

function withDelta(values: readonly number[], element: number, delta: number): number[] {
  return values.map((value, i) => (i === element ? value + delta : value));
}

function float64(values: readonly number[], shape: readonly number[]): Tensor {
  return Tensor.from(Float64Array.from(values), shape);
}
