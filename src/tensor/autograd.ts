import { native } from "./native.ts";
import { Tensor } from "./tensor.ts";

/** Runs a function without recording for autograd. */
export function noGrad<T>(run: () => T extends Promise<unknown> ? never : T): T {
  const before = native.setGradEnabled(false);
  try {
    return run();
  } finally {
    native.setGradEnabled(before);
  }
}

/**
 * Gradients of a sum of outputs with respect to chosen inputs, without touching `.grad` of any leaf.
 * An input that the outputs do not depend on has no gradient.
 */
export function grad(
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  options: { gradOutputs?: readonly Tensor[]; retainGraph?: boolean; createGraph?: boolean } = {},
): (Tensor | undefined)[] {
  const createGraph = options.createGraph ?? false;
  const handles = native.grad(
    outputs.map((tensor) => tensor.handle),
    inputs.map((tensor) => tensor.handle),
    (options.gradOutputs ?? []).map((tensor) => tensor.handle),
    options.retainGraph ?? createGraph,
    createGraph,
  );
  return handles.map((handle) => (handle === null ? undefined : new Tensor(handle)));
}
