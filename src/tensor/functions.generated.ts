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
  native.findOperator("clip_gen::layer_norm", ""),
  native.findOperator("clip_gen::gelu", ""),
  native.findOperator("clip_gen::dropout", ""),
  native.findOperator("clip_gen::add_dropout", ""),
  native.findOperator("clip_gen::attention", ""),
  native.findOperator("clip_gen::cross_entropy", ""),
  native.findOperator("clip_gen::adam_", ""),
  native.findOperator("clip_gen::grad_norm", ""),
  native.findOperator("clip_gen::channel_norm", ""),
  native.findOperator("clip_gen::linear", ""),
  native.findOperator("clip_gen::attend_cached", ""),
  native.findOperator("clip_gen::decode_block", ""),
  native.findOperator("clip_gen::draw_tokens", ""),
] as const;
const handles = (tensors: readonly (Tensor | undefined)[]): (Handle | undefined)[] =>
  tensors.map((tensor) => tensor?.handle);

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

/** `clip_gen::layer_norm(Tensor self, Tensor weight, Tensor bias, float eps) -> Tensor` */
export function layerNorm(self: Tensor, weight: Tensor, bias: Tensor, eps: number): Tensor {
  return new Tensor(native.call<Handle>(op[13], self.handle, weight.handle, bias.handle, eps));
}

/** `clip_gen::gelu(Tensor self) -> Tensor` */
export function gelu(self: Tensor): Tensor {
  return new Tensor(native.call<Handle>(op[14], self.handle));
}

/** `clip_gen::dropout(Tensor self, float p) -> Tensor` */
export function dropout(self: Tensor, p: number): Tensor {
  return new Tensor(native.call<Handle>(op[15], self.handle, p));
}

/** `clip_gen::add_dropout(Tensor self, Tensor x, float p) -> Tensor` */
export function addDropout(self: Tensor, x: Tensor, p: number): Tensor {
  return new Tensor(native.call<Handle>(op[16], self.handle, x.handle, p));
}

/** `clip_gen::attention(Tensor qkv, int heads, bool causal, float p) -> Tensor` */
export function attention(qkv: Tensor, heads: number, causal: boolean, p: number): Tensor {
  return new Tensor(native.call<Handle>(op[17], qkv.handle, heads, causal, p));
}

/** `clip_gen::cross_entropy(Tensor self, Tensor targets) -> Tensor` */
export function crossEntropy(self: Tensor, targets: Tensor): Tensor {
  return new Tensor(native.call<Handle>(op[18], self.handle, targets.handle));
}

/** `clip_gen::adam_(Tensor(a!)[] self, Tensor[] grads, Tensor(b!)[] ms, Tensor(c!)[] vs, float[] decays, float lr, float beta1, float beta2, float eps, int step, float grad_scale) -> ()` */
export function adam_(
  self: readonly Tensor[],
  grads: readonly Tensor[],
  ms: readonly Tensor[],
  vs: readonly Tensor[],
  decays: readonly number[],
  lr: number,
  beta1: number,
  beta2: number,
  eps: number,
  step: number,
  gradScale: number,
): void {
  native.call<undefined>(
    op[19],
    handles(self),
    handles(grads),
    handles(ms),
    handles(vs),
    decays,
    lr,
    beta1,
    beta2,
    eps,
    step,
    gradScale,
  );
}

/** `clip_gen::grad_norm(Tensor[] grads) -> Tensor` */
export function gradNorm(grads: readonly Tensor[]): Tensor {
  return new Tensor(native.call<Handle>(op[20], handles(grads)));
}

/** `clip_gen::channel_norm(Tensor self, Tensor weight, Tensor bias, int groups, bool over_batch, float eps, str activation) -> (Tensor, Tensor, Tensor)` */
export function channelNorm(
  self: Tensor,
  weight: Tensor,
  bias: Tensor,
  groups: number,
  overBatch: boolean,
  eps: number,
  activation: string,
): [Tensor, Tensor, Tensor] {
  const [first, second, third] = native.call<[Handle, Handle, Handle]>(
    op[21],
    self.handle,
    weight.handle,
    bias.handle,
    groups,
    overBatch,
    eps,
    activation,
  );
  return [new Tensor(first), new Tensor(second), new Tensor(third)];
}

/** `clip_gen::linear(Tensor self, Tensor weight, Tensor? bias=None, Tensor? scale=None) -> Tensor` */
export function linear(
  self: Tensor,
  weight: Tensor,
  options: { bias?: Tensor | null | undefined; scale?: Tensor | null | undefined } = {},
): Tensor {
  return new Tensor(
    native.call<Handle>(op[22], self.handle, weight.handle, options.bias?.handle, options.scale?.handle),
  );
}

/** `clip_gen::attend_cached(Tensor qkv, Tensor(a!) keys, Tensor(b!) values, int start) -> Tensor` */
export function attendCached(qkv: Tensor, keys: Tensor, values: Tensor, start: number): Tensor {
  return new Tensor(native.call<Handle>(op[23], qkv.handle, keys.handle, values.handle, start));
}

/** `clip_gen::decode_block(Tensor self, Tensor(a!) keys, Tensor(b!) values, int start, Tensor[] norms, Tensor?[] linears, float eps) -> Tensor` */
export function decodeBlock(
  self: Tensor,
  keys: Tensor,
  values: Tensor,
  start: number,
  norms: readonly Tensor[],
  linears: readonly (Tensor | undefined)[],
  eps: number,
): Tensor {
  return new Tensor(
    native.call<Handle>(op[24], self.handle, keys.handle, values.handle, start, handles(norms), handles(linears), eps),
  );
}

/** `clip_gen::draw_tokens(Tensor self, float[] draws, float temperature, int top_k, float top_p) -> Tensor` */
export function drawTokens(
  self: Tensor,
  draws: readonly number[],
  temperature: number,
  topK: number,
  topP: number,
): Tensor {
  return new Tensor(native.call<Handle>(op[25], self.handle, draws, temperature, topK, topP));
}
