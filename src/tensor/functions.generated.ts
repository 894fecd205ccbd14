// Written by scripts/generate-operators.js from scripts/operators.txt and libtorch's schemas. Do not edit.
import type { DType, MemoryFormat } from "./dtype.ts";
import { native, type Handle } from "./native.ts";
import type { Generator } from "./random.ts";
import { Tensor, type Device } from "./tensor.ts";

const op = [
  native.findOperator("aten::where", "self"),
  native.findOperator("aten::embedding", ""),
  native.findOperator("aten::cat", ""),
  native.findOperator("aten::stack", ""),
  native.findOperator("aten::empty", "memory_format"),
  native.findOperator("aten::zeros", ""),
  native.findOperator("aten::ones", ""),
  native.findOperator("aten::full", ""),
  native.findOperator("aten::arange", "start_step"),
  native.findOperator("aten::eye", ""),
  native.findOperator("aten::randn", "generator"),
  native.findOperator("aten::rand", "generator"),
  native.findOperator("aten::randint", "low_generator"),
] as const;
const handles = (tensors: readonly Tensor[]): Handle[] => tensors.map((tensor) => tensor.handle);

/** `aten::where.self(Tensor condition, Tensor self, Tensor other) -> Tensor` */
export function where(condition: Tensor, self: Tensor, other: Tensor): Tensor {
  return new Tensor(native.call<Handle>(op[0], condition.handle, self.handle, other.handle));
}

/** `aten::embedding(Tensor weight, Tensor indices, int padding_idx=-1, bool scale_grad_by_freq=False, bool sparse=False) -> Tensor` */
export function embedding(
  weight: Tensor,
  indices: Tensor,
  options: {
    paddingIdx?: number | undefined;
    scaleGradByFreq?: boolean | undefined;
    sparse?: boolean | undefined;
  } = {},
): Tensor {
  return new Tensor(
    native.call<Handle>(
      op[1],
      weight.handle,
      indices.handle,
      options.paddingIdx,
      options.scaleGradByFreq,
      options.sparse,
    ),
  );
}

/** `aten::cat(Tensor[] tensors, int dim=0) -> Tensor` */
export function cat(tensors: readonly Tensor[], dim?: number): Tensor {
  return new Tensor(native.call<Handle>(op[2], handles(tensors), dim));
}

/** `aten::stack(Tensor[] tensors, int dim=0) -> Tensor` */
export function stack(tensors: readonly Tensor[], dim?: number): Tensor {
  return new Tensor(native.call<Handle>(op[3], handles(tensors), dim));
}

/** `aten::empty.memory_format(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
export function empty(
  size: readonly number[],
  options: {
    dtype?: DType | null | undefined;
    device?: Device | null | undefined;
    memoryFormat?: MemoryFormat | null | undefined;
  } = {},
): Tensor {
  return new Tensor(
    native.call<Handle>(op[4], size, options.dtype, undefined, options.device, undefined, options.memoryFormat),
  );
}

/** `aten::zeros(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export function zeros(
  size: readonly number[],
  options: { dtype?: DType | null | undefined; device?: Device | null | undefined } = {},
): Tensor {
  return new Tensor(native.call<Handle>(op[5], size, options.dtype, undefined, options.device));
}

/** `aten::ones(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export function ones(
  size: readonly number[],
  options: { dtype?: DType | null | undefined; device?: Device | null | undefined } = {},
): Tensor {
  return new Tensor(native.call<Handle>(op[6], size, options.dtype, undefined, options.device));
}

/** `aten::full(SymInt[] size, Scalar fill_value, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export function full(
  size: readonly number[],
  fillValue: number,
  options: { dtype?: DType | null | undefined; device?: Device | null | undefined } = {},
): Tensor {
  return new Tensor(native.call<Handle>(op[7], size, fillValue, options.dtype, undefined, options.device));
}

/** `aten::arange.start_step(Scalar start, Scalar end, Scalar step=1, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export function arange(
  start: number,
  end: number,
  step?: number,
  options: { dtype?: DType | null | undefined; device?: Device | null | undefined } = {},
): Tensor {
  return new Tensor(native.call<Handle>(op[8], start, end, step, options.dtype, undefined, options.device));
}

/** `aten::eye(int n, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export function eye(
  n: number,
  options: { dtype?: DType | null | undefined; device?: Device | null | undefined } = {},
): Tensor {
  return new Tensor(native.call<Handle>(op[9], n, options.dtype, undefined, options.device));
}

/** `aten::randn.generator(int[] size, *, Generator? generator, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export function randn(
  size: readonly number[],
  options: {
    generator?: Generator | null | undefined;
    dtype?: DType | null | undefined;
    device?: Device | null | undefined;
  } = {},
): Tensor {
  return new Tensor(
    native.call<Handle>(op[10], size, options.generator?.handle, options.dtype, undefined, options.device),
  );
}

/** `aten::rand.generator(int[] size, *, Generator? generator, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export function rand(
  size: readonly number[],
  options: {
    generator?: Generator | null | undefined;
    dtype?: DType | null | undefined;
    device?: Device | null | undefined;
  } = {},
): Tensor {
  return new Tensor(
    native.call<Handle>(op[11], size, options.generator?.handle, options.dtype, undefined, options.device),
  );
}

/** `aten::randint.low_generator(int low, int high, int[] size, *, Generator? generator, ScalarType? dtype=4, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export function randint(
  low: number,
  high: number,
  size: readonly number[],
  options: {
    generator?: Generator | null | undefined;
    dtype?: DType | null | undefined;
    device?: Device | null | undefined;
  } = {},
): Tensor {
  return new Tensor(
    native.call<Handle>(op[12], low, high, size, options.generator?.handle, options.dtype, undefined, options.device),
  );
}
