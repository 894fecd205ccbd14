import { native, type Argument, type Handle } from "../src/tensor/native.ts";
import { tidy } from "../src/tensor/scope.ts";

type Count = (args: readonly Argument[], result: Handle) => number;

const sizes = (tensor: Argument): number[] => (typeof tensor === "number" ? native.shape(tensor) : []);
const product = (numbers: readonly number[]): number => numbers.reduce((all, number) => all * number, 1);
/** A multiply-add for every number of the result and every one that is summed over. */
const linear: Count = ([, weight], result) => 2 * product(native.shape(result)) * (sizes(weight)[1] ?? 0);

/** The operators that multiply matrices, by name and overload. */
const counts: Record<string, Count> = {
  "aten::matmul": ([x], result) => 2 * product(native.shape(result)) * (sizes(x).at(-1) ?? 0),
  "aten::linear": linear,
  "clip_gen::linear": linear,
  "aten::conv2d": ([, weight], result) => 2 * product(native.shape(result)) * product(sizes(weight).slice(1)),
  // Queries with all keys, and weights with all values.
  "clip_gen::attention": ([qkv], result) => 4 * product(native.shape(result)) * (sizes(qkv)[1] ?? 0),
};

/**
 * Floating-point operations of every matrix product and convolution that a function computes, from the shapes that it
 * meets; a multiply-add is two. A backward pass, in which each of them comes back as two, is not counted.
 */
export function countFlops(run: () => void): number {
  const byOperator = new Map(Object.entries(counts).map(([name, count]) => [native.findOperator(name, ""), count]));
  const plain = native.call;
  let flops = 0;
  native.call = <Result>(operator: number, ...args: Argument[]): Result => {
    const result = plain<Result>(operator, ...args);
    if (typeof result === "number") flops += byOperator.get(operator)?.(args, result) ?? 0;
    return result;
  };
  try {
    tidy(run);
  } finally {
    native.call = plain;
  }
  return flops;
}
