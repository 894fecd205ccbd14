// Written by scripts/generate-operators.js from scripts/operators.txt and libtorch's schemas. Do not edit.
import type { DType, MemoryFormat, Reduction } from "./dtype.ts";
import { native, type Handle } from "./native.ts";
import type { Generator } from "./random.ts";
import type { Device, Tensor } from "./tensor.ts";

const op = [
  native.findOperator("aten::add", "Scalar"),
  native.findOperator("aten::add", "Tensor"),
  native.findOperator("aten::sub", "Scalar"),
  native.findOperator("aten::sub", "Tensor"),
  native.findOperator("aten::mul", "Scalar"),
  native.findOperator("aten::mul", "Tensor"),
  native.findOperator("aten::div", "Scalar"),
  native.findOperator("aten::div", "Tensor"),
  native.findOperator("aten::pow", "Tensor_Scalar"),
  native.findOperator("aten::neg", ""),
  native.findOperator("aten::exp", ""),
  native.findOperator("aten::log", ""),
  native.findOperator("aten::sqrt", ""),
  native.findOperator("aten::rsqrt", ""),
  native.findOperator("aten::abs", ""),
  native.findOperator("aten::square", ""),
  native.findOperator("aten::sign", ""),
  native.findOperator("aten::floor", ""),
  native.findOperator("aten::round", ""),
  native.findOperator("aten::sigmoid", ""),
  native.findOperator("aten::tanh", ""),
  native.findOperator("aten::asin", ""),
  native.findOperator("aten::relu", ""),
  native.findOperator("aten::gelu", ""),
  native.findOperator("aten::silu", ""),
  native.findOperator("aten::softplus", ""),
  native.findOperator("aten::leaky_relu", ""),
  native.findOperator("aten::clamp", ""),
  native.findOperator("aten::maximum", ""),
  native.findOperator("aten::minimum", ""),
  native.findOperator("aten::lerp", "Scalar"),
  native.findOperator("aten::add_", "Scalar"),
  native.findOperator("aten::add_", "Tensor"),
  native.findOperator("aten::sub_", "Scalar"),
  native.findOperator("aten::sub_", "Tensor"),
  native.findOperator("aten::mul_", "Scalar"),
  native.findOperator("aten::mul_", "Tensor"),
  native.findOperator("aten::div_", "Scalar"),
  native.findOperator("aten::div_", "Tensor"),
  native.findOperator("aten::addcmul_", ""),
  native.findOperator("aten::addcdiv_", ""),
  native.findOperator("aten::lerp_", "Scalar"),
  native.findOperator("aten::sqrt_", ""),
  native.findOperator("aten::zero_", ""),
  native.findOperator("aten::fill_", "Scalar"),
  native.findOperator("aten::copy_", ""),
  native.findOperator("aten::normal_", ""),
  native.findOperator("aten::uniform_", ""),
  native.findOperator("aten::bernoulli_", "float"),
  native.findOperator("aten::eq", "Scalar"),
  native.findOperator("aten::eq", "Tensor"),
  native.findOperator("aten::ne", "Scalar"),
  native.findOperator("aten::ne", "Tensor"),
  native.findOperator("aten::lt", "Scalar"),
  native.findOperator("aten::lt", "Tensor"),
  native.findOperator("aten::le", "Scalar"),
  native.findOperator("aten::le", "Tensor"),
  native.findOperator("aten::gt", "Scalar"),
  native.findOperator("aten::gt", "Tensor"),
  native.findOperator("aten::ge", "Scalar"),
  native.findOperator("aten::ge", "Tensor"),
  native.findOperator("aten::logical_not", ""),
  native.findOperator("aten::logical_and", ""),
  native.findOperator("aten::logical_or", ""),
  native.findOperator("aten::isfinite", ""),
  native.findOperator("aten::masked_fill", "Scalar"),
  native.findOperator("aten::sum", "dim_IntList"),
  native.findOperator("aten::mean", "dim"),
  native.findOperator("aten::var", "dim"),
  native.findOperator("aten::amax", ""),
  native.findOperator("aten::amin", ""),
  native.findOperator("aten::argmax", ""),
  native.findOperator("aten::argmin", ""),
  native.findOperator("aten::all", ""),
  native.findOperator("aten::any", ""),
  native.findOperator("aten::cumsum", ""),
  native.findOperator("aten::logsumexp", ""),
  native.findOperator("aten::softmax", "int"),
  native.findOperator("aten::log_softmax", "int"),
  native.findOperator("aten::linalg_vector_norm", ""),
  native.findOperator("aten::linalg_eigh", ""),
  native.findOperator("aten::view", ""),
  native.findOperator("aten::reshape", ""),
  native.findOperator("aten::permute", ""),
  native.findOperator("aten::transpose", "int"),
  native.findOperator("aten::t", ""),
  native.findOperator("aten::unsqueeze", ""),
  native.findOperator("aten::squeeze", "dim"),
  native.findOperator("aten::flatten", "using_ints"),
  native.findOperator("aten::expand", ""),
  native.findOperator("aten::narrow", ""),
  native.findOperator("aten::select", "int"),
  native.findOperator("aten::slice", "Tensor"),
  native.findOperator("aten::split", "Tensor"),
  native.findOperator("aten::chunk", ""),
  native.findOperator("aten::unbind", "int"),
  native.findOperator("aten::contiguous", ""),
  native.findOperator("aten::clone", ""),
  native.findOperator("aten::repeat", ""),
  native.findOperator("aten::repeat_interleave", "self_int"),
  native.findOperator("aten::flip", ""),
  native.findOperator("aten::roll", ""),
  native.findOperator("aten::index_select", ""),
  native.findOperator("aten::gather", ""),
  native.findOperator("aten::scatter", "value"),
  native.findOperator("aten::scatter", "src"),
  native.findOperator("aten::topk", ""),
  native.findOperator("aten::diagonal", ""),
  native.findOperator("aten::sort", ""),
  native.findOperator("aten::triu", ""),
  native.findOperator("aten::tril", ""),
  native.findOperator("aten::detach", ""),
  native.findOperator("aten::to", "dtype"),
  native.findOperator("aten::to", "device"),
  native.findOperator("aten::index_add", ""),
  native.findOperator("aten::matmul", ""),
  native.findOperator("aten::bmm", ""),
  native.findOperator("aten::linear", ""),
  native.findOperator("aten::conv2d", ""),
  native.findOperator("aten::layer_norm", ""),
  native.findOperator("aten::group_norm", ""),
  native.findOperator("aten::batch_norm", ""),
  native.findOperator("aten::dropout", ""),
  native.findOperator("aten::cross_entropy_loss", ""),
  native.findOperator("aten::mse_loss", ""),
  native.findOperator("aten::upsample_nearest2d", ""),
  native.findOperator("aten::upsample_bilinear2d", ""),
  native.findOperator("aten::upsample_bicubic2d", ""),
  native.findOperator("aten::avg_pool2d", ""),
  native.findOperator("aten::max_pool2d", ""),
  native.findOperator("aten::adaptive_avg_pool2d", ""),
  native.findOperator("aten::pixel_shuffle", ""),
  native.findOperator("aten::pixel_unshuffle", ""),
  native.findOperator("aten::constant_pad_nd", ""),
  native.findOperator("aten::one_hot", ""),
  native.findOperator("aten::bincount", ""),
  native.findOperator("aten::multinomial", ""),
  native.findOperator("aten::zeros_like", ""),
  native.findOperator("aten::ones_like", ""),
] as const;

/** The operators as methods; `Tensor` adds what is no operator. */
export abstract class TensorMethods {
  abstract readonly handle: Handle;
  protected abstract wrap(handle: Handle): Tensor;
  protected wrapAll([first, second]: [Handle, Handle]): [Tensor, Tensor] {
    return [this.wrap(first), this.wrap(second)];
  }

  /** `aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor`, `aten::add.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor` */
  add(other: Tensor | number, options: { alpha?: number | undefined } = {}): Tensor {
    if (typeof other === "number") {
      return this.wrap(native.call<Handle>(op[0], this.handle, other, options.alpha));
    }
    return this.wrap(native.call<Handle>(op[1], this.handle, other.handle, options.alpha));
  }

  /** `aten::sub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor`, `aten::sub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor` */
  sub(other: Tensor | number, options: { alpha?: number | undefined } = {}): Tensor {
    if (typeof other === "number") {
      return this.wrap(native.call<Handle>(op[2], this.handle, other, options.alpha));
    }
    return this.wrap(native.call<Handle>(op[3], this.handle, other.handle, options.alpha));
  }

  /** `aten::mul.Tensor(Tensor self, Tensor other) -> Tensor`, `aten::mul.Scalar(Tensor self, Scalar other) -> Tensor` */
  mul(other: Tensor | number): Tensor {
    if (typeof other === "number") {
      return this.wrap(native.call<Handle>(op[4], this.handle, other));
    }
    return this.wrap(native.call<Handle>(op[5], this.handle, other.handle));
  }

  /** `aten::div.Tensor(Tensor self, Tensor other) -> Tensor`, `aten::div.Scalar(Tensor self, Scalar other) -> Tensor` */
  div(other: Tensor | number): Tensor {
    if (typeof other === "number") {
      return this.wrap(native.call<Handle>(op[6], this.handle, other));
    }
    return this.wrap(native.call<Handle>(op[7], this.handle, other.handle));
  }

  /** `aten::pow.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor` */
  pow(exponent: number): Tensor {
    return this.wrap(native.call<Handle>(op[8], this.handle, exponent));
  }

  /** `aten::neg(Tensor self) -> Tensor` */
  neg(): Tensor {
    return this.wrap(native.call<Handle>(op[9], this.handle));
  }

  /** `aten::exp(Tensor self) -> Tensor` */
  exp(): Tensor {
    return this.wrap(native.call<Handle>(op[10], this.handle));
  }

  /** `aten::log(Tensor self) -> Tensor` */
  log(): Tensor {
    return this.wrap(native.call<Handle>(op[11], this.handle));
  }

  /** `aten::sqrt(Tensor self) -> Tensor` */
  sqrt(): Tensor {
    return this.wrap(native.call<Handle>(op[12], this.handle));
  }

  /** `aten::rsqrt(Tensor self) -> Tensor` */
  rsqrt(): Tensor {
    return this.wrap(native.call<Handle>(op[13], this.handle));
  }

  /** `aten::abs(Tensor self) -> Tensor` */
  abs(): Tensor {
    return this.wrap(native.call<Handle>(op[14], this.handle));
  }

  /** `aten::square(Tensor self) -> Tensor` */
  square(): Tensor {
    return this.wrap(native.call<Handle>(op[15], this.handle));
  }

  /** `aten::sign(Tensor self) -> Tensor` */
  sign(): Tensor {
    return this.wrap(native.call<Handle>(op[16], this.handle));
  }

  /** `aten::floor(Tensor self) -> Tensor` */
  floor(): Tensor {
    return this.wrap(native.call<Handle>(op[17], this.handle));
  }

  /** `aten::round(Tensor self) -> Tensor` */
  round(): Tensor {
    return this.wrap(native.call<Handle>(op[18], this.handle));
  }

  /** `aten::sigmoid(Tensor self) -> Tensor` */
  sigmoid(): Tensor {
    return this.wrap(native.call<Handle>(op[19], this.handle));
  }

  /** `aten::tanh(Tensor self) -> Tensor` */
  tanh(): Tensor {
    return this.wrap(native.call<Handle>(op[20], this.handle));
  }

  /** `aten::asin(Tensor self) -> Tensor` */
  asin(): Tensor {
    return this.wrap(native.call<Handle>(op[21], this.handle));
  }

  /** `aten::relu(Tensor self) -> Tensor` */
  relu(): Tensor {
    return this.wrap(native.call<Handle>(op[22], this.handle));
  }

  /** `aten::gelu(Tensor self, *, str approximate="none") -> Tensor` */
  gelu(options: { approximate?: string | undefined } = {}): Tensor {
    return this.wrap(native.call<Handle>(op[23], this.handle, options.approximate));
  }

  /** `aten::silu(Tensor self) -> Tensor` */
  silu(): Tensor {
    return this.wrap(native.call<Handle>(op[24], this.handle));
  }

  /** `aten::softplus(Tensor self, Scalar beta=1, Scalar threshold=20) -> Tensor` */
  softplus(beta?: number, threshold?: number): Tensor {
    return this.wrap(native.call<Handle>(op[25], this.handle, beta, threshold));
  }

  /** `aten::leaky_relu(Tensor self, Scalar negative_slope=0.01) -> Tensor` */
  leakyRelu(negativeSlope?: number): Tensor {
    return this.wrap(native.call<Handle>(op[26], this.handle, negativeSlope));
  }

  /** `aten::clamp(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor` */
  clamp(min?: number | null, max?: number | null): Tensor {
    return this.wrap(native.call<Handle>(op[27], this.handle, min, max));
  }

  /** `aten::maximum(Tensor self, Tensor other) -> Tensor` */
  maximum(other: Tensor): Tensor {
    return this.wrap(native.call<Handle>(op[28], this.handle, other.handle));
  }

  /** `aten::minimum(Tensor self, Tensor other) -> Tensor` */
  minimum(other: Tensor): Tensor {
    return this.wrap(native.call<Handle>(op[29], this.handle, other.handle));
  }

  /** `aten::lerp.Scalar(Tensor self, Tensor end, Scalar weight) -> Tensor` */
  lerp(end: Tensor, weight: number): Tensor {
    return this.wrap(native.call<Handle>(op[30], this.handle, end.handle, weight));
  }

  /** `aten::add_.Tensor(Tensor(a!) self, Tensor other, *, Scalar alpha=1) -> Tensor(a!)`, `aten::add_.Scalar(Tensor(a!) self, Scalar other, Scalar alpha=1) -> Tensor(a!)` */
  add_(other: Tensor | number, options: { alpha?: number | undefined } = {}): this {
    if (typeof other === "number") {
      native.call<undefined>(op[31], this.handle, other, options.alpha);
      return this;
    }
    native.call<undefined>(op[32], this.handle, other.handle, options.alpha);
    return this;
  }

  /** `aten::sub_.Tensor(Tensor(a!) self, Tensor other, *, Scalar alpha=1) -> Tensor(a!)`, `aten::sub_.Scalar(Tensor(a!) self, Scalar other, Scalar alpha=1) -> Tensor(a!)` */
  sub_(other: Tensor | number, options: { alpha?: number | undefined } = {}): this {
    if (typeof other === "number") {
      native.call<undefined>(op[33], this.handle, other, options.alpha);
      return this;
    }
    native.call<undefined>(op[34], this.handle, other.handle, options.alpha);
    return this;
  }

  /** `aten::mul_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)`, `aten::mul_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  mul_(other: Tensor | number): this {
    if (typeof other === "number") {
      native.call<undefined>(op[35], this.handle, other);
      return this;
    }
    native.call<undefined>(op[36], this.handle, other.handle);
    return this;
  }

  /** `aten::div_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)`, `aten::div_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  div_(other: Tensor | number): this {
    if (typeof other === "number") {
      native.call<undefined>(op[37], this.handle, other);
      return this;
    }
    native.call<undefined>(op[38], this.handle, other.handle);
    return this;
  }

  /** `aten::addcmul_(Tensor(a!) self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor(a!)` */
  addcmul_(tensor1: Tensor, tensor2: Tensor, options: { value?: number | undefined } = {}): this {
    native.call<undefined>(op[39], this.handle, tensor1.handle, tensor2.handle, options.value);
    return this;
  }

  /** `aten::addcdiv_(Tensor(a!) self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor(a!)` */
  addcdiv_(tensor1: Tensor, tensor2: Tensor, options: { value?: number | undefined } = {}): this {
    native.call<undefined>(op[40], this.handle, tensor1.handle, tensor2.handle, options.value);
    return this;
  }

  /** `aten::lerp_.Scalar(Tensor(a!) self, Tensor end, Scalar weight) -> Tensor(a!)` */
  lerp_(end: Tensor, weight: number): this {
    native.call<undefined>(op[41], this.handle, end.handle, weight);
    return this;
  }

  /** `aten::sqrt_(Tensor(a!) self) -> Tensor(a!)` */
  sqrt_(): this {
    native.call<undefined>(op[42], this.handle);
    return this;
  }

  /** `aten::zero_(Tensor(a!) self) -> Tensor(a!)` */
  zero_(): this {
    native.call<undefined>(op[43], this.handle);
    return this;
  }

  /** `aten::fill_.Scalar(Tensor(a!) self, Scalar value) -> Tensor(a!)` */
  fill_(value: number): this {
    native.call<undefined>(op[44], this.handle, value);
    return this;
  }

  /** `aten::copy_(Tensor(a!) self, Tensor src, bool non_blocking=False) -> Tensor(a!)` */
  copy_(src: Tensor): this {
    native.call<undefined>(op[45], this.handle, src.handle);
    return this;
  }

  /** `aten::normal_(Tensor(a!) self, float mean=0., float std=1., *, Generator? generator=None) -> Tensor(a!)` */
  normal_(mean?: number, std?: number, options: { generator?: Generator | null | undefined } = {}): this {
    native.call<undefined>(op[46], this.handle, mean, std, options.generator?.handle);
    return this;
  }

  /** `aten::uniform_(Tensor(a!) self, float from=0., float to=1., *, Generator? generator=None) -> Tensor(a!)` */
  uniform_(from?: number, to?: number, options: { generator?: Generator | null | undefined } = {}): this {
    native.call<undefined>(op[47], this.handle, from, to, options.generator?.handle);
    return this;
  }

  /** `aten::bernoulli_.float(Tensor(a!) self, float p=0.5, *, Generator? generator=None) -> Tensor(a!)` */
  bernoulli_(p?: number, options: { generator?: Generator | null | undefined } = {}): this {
    native.call<undefined>(op[48], this.handle, p, options.generator?.handle);
    return this;
  }

  /** `aten::eq.Tensor(Tensor self, Tensor other) -> Tensor`, `aten::eq.Scalar(Tensor self, Scalar other) -> Tensor` */
  eq(other: Tensor | number): Tensor {
    if (typeof other === "number") {
      return this.wrap(native.call<Handle>(op[49], this.handle, other));
    }
    return this.wrap(native.call<Handle>(op[50], this.handle, other.handle));
  }

  /** `aten::ne.Tensor(Tensor self, Tensor other) -> Tensor`, `aten::ne.Scalar(Tensor self, Scalar other) -> Tensor` */
  ne(other: Tensor | number): Tensor {
    if (typeof other === "number") {
      return this.wrap(native.call<Handle>(op[51], this.handle, other));
    }
    return this.wrap(native.call<Handle>(op[52], this.handle, other.handle));
  }

  /** `aten::lt.Tensor(Tensor self, Tensor other) -> Tensor`, `aten::lt.Scalar(Tensor self, Scalar other) -> Tensor` */
  lt(other: Tensor | number): Tensor {
    if (typeof other === "number") {
      return this.wrap(native.call<Handle>(op[53], this.handle, other));
    }
    return this.wrap(native.call<Handle>(op[54], this.handle, other.handle));
  }

  /** `aten::le.Tensor(Tensor self, Tensor other) -> Tensor`, `aten::le.Scalar(Tensor self, Scalar other) -> Tensor` */
  le(other: Tensor | number): Tensor {
    if (typeof other === "number") {
      return this.wrap(native.call<Handle>(op[55], this.handle, other));
    }
    return this.wrap(native.call<Handle>(op[56], this.handle, other.handle));
  }

  /** `aten::gt.Tensor(Tensor self, Tensor other) -> Tensor`, `aten::gt.Scalar(Tensor self, Scalar other) -> Tensor` */
  gt(other: Tensor | number): Tensor {
    if (typeof other === "number") {
      return this.wrap(native.call<Handle>(op[57], this.handle, other));
    }
    return this.wrap(native.call<Handle>(op[58], this.handle, other.handle));
  }

  /** `aten::ge.Tensor(Tensor self, Tensor other) -> Tensor`, `aten::ge.Scalar(Tensor self, Scalar other) -> Tensor` */
  ge(other: Tensor | number): Tensor {
    if (typeof other === "number") {
      return this.wrap(native.call<Handle>(op[59], this.handle, other));
    }
    return this.wrap(native.call<Handle>(op[60], this.handle, other.handle));
  }

  /** `aten::logical_not(Tensor self) -> Tensor` */
  logicalNot(): Tensor {
    return this.wrap(native.call<Handle>(op[61], this.handle));
  }

  /** `aten::logical_and(Tensor self, Tensor other) -> Tensor` */
  logicalAnd(other: Tensor): Tensor {
    return this.wrap(native.call<Handle>(op[62], this.handle, other.handle));
  }

  /** `aten::logical_or(Tensor self, Tensor other) -> Tensor` */
  logicalOr(other: Tensor): Tensor {
    return this.wrap(native.call<Handle>(op[63], this.handle, other.handle));
  }

  /** `aten::isfinite(Tensor self) -> Tensor` */
  isfinite(): Tensor {
    return this.wrap(native.call<Handle>(op[64], this.handle));
  }

  /** `aten::masked_fill.Scalar(Tensor self, Tensor mask, Scalar value) -> Tensor` */
  maskedFill(mask: Tensor, value: number): Tensor {
    return this.wrap(native.call<Handle>(op[65], this.handle, mask.handle, value));
  }

  /** `aten::sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
  sum(
    dim?: number | readonly number[] | null,
    keepdim?: boolean,
    options: { dtype?: DType | null | undefined } = {},
  ): Tensor {
    return this.wrap(native.call<Handle>(op[66], this.handle, dim, keepdim, options.dtype));
  }

  /** `aten::mean.dim(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
  mean(
    dim?: number | readonly number[] | null,
    keepdim?: boolean,
    options: { dtype?: DType | null | undefined } = {},
  ): Tensor {
    return this.wrap(native.call<Handle>(op[67], this.handle, dim, keepdim, options.dtype));
  }

  /** `aten::var.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> Tensor` */
  variance(dim?: number | readonly number[] | null, unbiased?: boolean, keepdim?: boolean): Tensor {
    return this.wrap(native.call<Handle>(op[68], this.handle, dim, unbiased, keepdim));
  }

  /** `aten::amax(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor` */
  amax(dim?: number | readonly number[], keepdim?: boolean): Tensor {
    return this.wrap(native.call<Handle>(op[69], this.handle, dim, keepdim));
  }

  /** `aten::amin(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor` */
  amin(dim?: number | readonly number[], keepdim?: boolean): Tensor {
    return this.wrap(native.call<Handle>(op[70], this.handle, dim, keepdim));
  }

  /** `aten::argmax(Tensor self, int? dim=None, bool keepdim=False) -> Tensor` */
  argmax(dim?: number | null, keepdim?: boolean): Tensor {
    return this.wrap(native.call<Handle>(op[71], this.handle, dim, keepdim));
  }

  /** `aten::argmin(Tensor self, int? dim=None, bool keepdim=False) -> Tensor` */
  argmin(dim?: number | null, keepdim?: boolean): Tensor {
    return this.wrap(native.call<Handle>(op[72], this.handle, dim, keepdim));
  }

  /** `aten::all(Tensor self) -> Tensor` */
  all(): Tensor {
    return this.wrap(native.call<Handle>(op[73], this.handle));
  }

  /** `aten::any(Tensor self) -> Tensor` */
  any(): Tensor {
    return this.wrap(native.call<Handle>(op[74], this.handle));
  }

  /** `aten::cumsum(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor` */
  cumsum(dim: number, options: { dtype?: DType | null | undefined } = {}): Tensor {
    return this.wrap(native.call<Handle>(op[75], this.handle, dim, options.dtype));
  }

  /** `aten::logsumexp(Tensor self, int[1] dim, bool keepdim=False) -> Tensor` */
  logsumexp(dim: number | readonly number[], keepdim?: boolean): Tensor {
    return this.wrap(native.call<Handle>(op[76], this.handle, dim, keepdim));
  }

  /** `aten::softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor` */
  softmax(dim: number, dtype?: DType | null): Tensor {
    return this.wrap(native.call<Handle>(op[77], this.handle, dim, dtype));
  }

  /** `aten::log_softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor` */
  logSoftmax(dim: number, dtype?: DType | null): Tensor {
    return this.wrap(native.call<Handle>(op[78], this.handle, dim, dtype));
  }

  /** `aten::linalg_vector_norm(Tensor self, Scalar ord=2, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
  vectorNorm(
    ord?: number,
    dim?: number | readonly number[] | null,
    keepdim?: boolean,
    options: { dtype?: DType | null | undefined } = {},
  ): Tensor {
    return this.wrap(native.call<Handle>(op[79], this.handle, ord, dim, keepdim, options.dtype));
  }

  /** `aten::linalg_eigh(Tensor self, str UPLO="L") -> (Tensor eigenvalues, Tensor eigenvectors)` */
  eigh(UPLO?: string): [Tensor, Tensor] {
    return this.wrapAll(native.call<[Handle, Handle]>(op[80], this.handle, UPLO));
  }

  /** `aten::view(Tensor(a) self, SymInt[] size) -> Tensor(a)` */
  view(size: readonly number[]): Tensor {
    return this.wrap(native.call<Handle>(op[81], this.handle, size));
  }

  /** `aten::reshape(Tensor(a) self, SymInt[] shape) -> Tensor(a)` */
  reshape(shape: readonly number[]): Tensor {
    return this.wrap(native.call<Handle>(op[82], this.handle, shape));
  }

  /** `aten::permute(Tensor(a) self, int[] dims) -> Tensor(a)` */
  permute(dims: readonly number[]): Tensor {
    return this.wrap(native.call<Handle>(op[83], this.handle, dims));
  }

  /** `aten::transpose.int(Tensor(a) self, int dim0, int dim1) -> Tensor(a)` */
  transpose(dim0: number, dim1: number): Tensor {
    return this.wrap(native.call<Handle>(op[84], this.handle, dim0, dim1));
  }

  /** `aten::t(Tensor(a) self) -> Tensor(a)` */
  t(): Tensor {
    return this.wrap(native.call<Handle>(op[85], this.handle));
  }

  /** `aten::unsqueeze(Tensor(a) self, int dim) -> Tensor(a)` */
  unsqueeze(dim: number): Tensor {
    return this.wrap(native.call<Handle>(op[86], this.handle, dim));
  }

  /** `aten::squeeze.dim(Tensor(a) self, int dim) -> Tensor(a)` */
  squeeze(dim: number): Tensor {
    return this.wrap(native.call<Handle>(op[87], this.handle, dim));
  }

  /** `aten::flatten.using_ints(Tensor(a) self, int start_dim=0, int end_dim=-1) -> Tensor(a)` */
  flatten(startDim?: number, endDim?: number): Tensor {
    return this.wrap(native.call<Handle>(op[88], this.handle, startDim, endDim));
  }

  /** `aten::expand(Tensor(a) self, SymInt[] size, *, bool implicit=False) -> Tensor(a)` */
  expand(size: readonly number[], options: { implicit?: boolean | undefined } = {}): Tensor {
    return this.wrap(native.call<Handle>(op[89], this.handle, size, options.implicit));
  }

  /** `aten::narrow(Tensor(a) self, int dim, int start, int length) -> Tensor(a)` */
  narrow(dim: number, start: number, length: number): Tensor {
    return this.wrap(native.call<Handle>(op[90], this.handle, dim, start, length));
  }

  /** `aten::select.int(Tensor(a) self, int dim, int index) -> Tensor(a)` */
  select(dim: number, index: number): Tensor {
    return this.wrap(native.call<Handle>(op[91], this.handle, dim, index));
  }

  /** `aten::slice.Tensor(Tensor(a) self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor(a)` */
  slice(
    options: {
      dim?: number | undefined;
      start?: number | null | undefined;
      end?: number | null | undefined;
      step?: number | undefined;
    } = {},
  ): Tensor {
    return this.wrap(native.call<Handle>(op[92], this.handle, options.dim, options.start, options.end, options.step));
  }

  /** `aten::split.Tensor(Tensor(a -> *) self, int split_size, int dim=0) -> Tensor(a)[]` */
  split(splitSize: number, dim?: number): Tensor[] {
    return native.call<Handle[]>(op[93], this.handle, splitSize, dim).map((handle) => this.wrap(handle));
  }

  /** `aten::chunk(Tensor(a -> *) self, int chunks, int dim=0) -> Tensor(a)[]` */
  chunk(chunks: number, dim?: number): Tensor[] {
    return native.call<Handle[]>(op[94], this.handle, chunks, dim).map((handle) => this.wrap(handle));
  }

  /** `aten::unbind.int(Tensor(a -> *) self, int dim=0) -> Tensor(a)[]` */
  unbind(dim?: number): Tensor[] {
    return native.call<Handle[]>(op[95], this.handle, dim).map((handle) => this.wrap(handle));
  }

  /** `aten::contiguous(Tensor(a) self, *, MemoryFormat memory_format=0) -> Tensor(a)` */
  contiguous(options: { memoryFormat?: MemoryFormat | undefined } = {}): Tensor {
    return this.wrap(native.call<Handle>(op[96], this.handle, options.memoryFormat));
  }

  /** `aten::clone(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor` */
  clone(options: { memoryFormat?: MemoryFormat | null | undefined } = {}): Tensor {
    return this.wrap(native.call<Handle>(op[97], this.handle, options.memoryFormat));
  }

  /** `aten::repeat(Tensor self, SymInt[] repeats) -> Tensor` */
  repeat(repeats: readonly number[]): Tensor {
    return this.wrap(native.call<Handle>(op[98], this.handle, repeats));
  }

  /** `aten::repeat_interleave.self_int(Tensor self, int repeats, int? dim=None, *, int? output_size=None) -> Tensor` */
  repeatInterleave(
    repeats: number,
    dim?: number | null,
    options: { outputSize?: number | null | undefined } = {},
  ): Tensor {
    return this.wrap(native.call<Handle>(op[99], this.handle, repeats, dim, options.outputSize));
  }

  /** `aten::flip(Tensor self, int[] dims) -> Tensor` */
  flip(dims: readonly number[]): Tensor {
    return this.wrap(native.call<Handle>(op[100], this.handle, dims));
  }

  /** `aten::roll(Tensor self, int[1] shifts, int[1] dims=[]) -> Tensor` */
  roll(shifts: number | readonly number[], dims?: number | readonly number[]): Tensor {
    return this.wrap(native.call<Handle>(op[101], this.handle, shifts, dims));
  }

  /** `aten::index_select(Tensor self, int dim, Tensor index) -> Tensor` */
  indexSelect(dim: number, index: Tensor): Tensor {
    return this.wrap(native.call<Handle>(op[102], this.handle, dim, index.handle));
  }

  /** `aten::gather(Tensor self, int dim, Tensor index, *, bool sparse_grad=False) -> Tensor` */
  gather(dim: number, index: Tensor, options: { sparseGrad?: boolean | undefined } = {}): Tensor {
    return this.wrap(native.call<Handle>(op[103], this.handle, dim, index.handle, options.sparseGrad));
  }

  /** `aten::scatter.src(Tensor self, int dim, Tensor index, Tensor src) -> Tensor`, `aten::scatter.value(Tensor self, int dim, Tensor index, Scalar value) -> Tensor` */
  scatter(dim: number, index: Tensor, src: Tensor | number): Tensor {
    if (typeof src === "number") {
      return this.wrap(native.call<Handle>(op[104], this.handle, dim, index.handle, src));
    }
    return this.wrap(native.call<Handle>(op[105], this.handle, dim, index.handle, src.handle));
  }

  /** `aten::topk(Tensor self, int k, int dim=-1, bool largest=True, bool sorted=True) -> (Tensor values, Tensor indices)` */
  topk(
    k: number,
    options: { dim?: number | undefined; largest?: boolean | undefined; sorted?: boolean | undefined } = {},
  ): [Tensor, Tensor] {
    return this.wrapAll(
      native.call<[Handle, Handle]>(op[106], this.handle, k, options.dim, options.largest, options.sorted),
    );
  }

  /** `aten::diagonal(Tensor(a) self, int offset=0, int dim1=0, int dim2=1) -> Tensor(a)` */
  diagonal(offset?: number, dim1?: number, dim2?: number): Tensor {
    return this.wrap(native.call<Handle>(op[107], this.handle, offset, dim1, dim2));
  }

  /** `aten::sort(Tensor self, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)` */
  sort(dim?: number, descending?: boolean): [Tensor, Tensor] {
    return this.wrapAll(native.call<[Handle, Handle]>(op[108], this.handle, dim, descending));
  }

  /** `aten::triu(Tensor self, int diagonal=0) -> Tensor` */
  triu(diagonal?: number): Tensor {
    return this.wrap(native.call<Handle>(op[109], this.handle, diagonal));
  }

  /** `aten::tril(Tensor self, int diagonal=0) -> Tensor` */
  tril(diagonal?: number): Tensor {
    return this.wrap(native.call<Handle>(op[110], this.handle, diagonal));
  }

  /** `aten::detach(Tensor(a) self) -> Tensor(a)` */
  detach(): Tensor {
    return this.wrap(native.call<Handle>(op[111], this.handle));
  }

  /** `aten::to.dtype(Tensor(a) self, ScalarType dtype, bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None) -> Tensor(a)` */
  toDtype(dtype: DType, copy?: boolean, memoryFormat?: MemoryFormat | null): Tensor {
    return this.wrap(native.call<Handle>(op[112], this.handle, dtype, undefined, copy, memoryFormat));
  }

  /** `aten::to.device(Tensor(a) self, Device device, ScalarType dtype, bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None) -> Tensor(a)` */
  toDevice(
    device: Device,
    dtype: DType,
    options: { copy?: boolean | undefined; memoryFormat?: MemoryFormat | null | undefined } = {},
  ): Tensor {
    return this.wrap(
      native.call<Handle>(op[113], this.handle, device, dtype, undefined, options.copy, options.memoryFormat),
    );
  }

  /** `aten::index_add(Tensor self, int dim, Tensor index, Tensor source, *, Scalar alpha=1) -> Tensor` */
  indexAdd(dim: number, index: Tensor, source: Tensor, options: { alpha?: number | undefined } = {}): Tensor {
    return this.wrap(native.call<Handle>(op[114], this.handle, dim, index.handle, source.handle, options.alpha));
  }

  /** `aten::matmul(Tensor self, Tensor other) -> Tensor` */
  matmul(other: Tensor): Tensor {
    return this.wrap(native.call<Handle>(op[115], this.handle, other.handle));
  }

  /** `aten::bmm(Tensor self, Tensor mat2) -> Tensor` */
  bmm(mat2: Tensor): Tensor {
    return this.wrap(native.call<Handle>(op[116], this.handle, mat2.handle));
  }

  /** `aten::linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor` */
  linear(weight: Tensor, bias?: Tensor | null): Tensor {
    return this.wrap(native.call<Handle>(op[117], this.handle, weight.handle, bias?.handle));
  }

  /** `aten::conv2d(Tensor input, Tensor weight, Tensor? bias=None, int[2] stride=1, int[2] padding=0, int[2] dilation=1, int groups=1) -> Tensor` */
  conv2d(
    weight: Tensor,
    options: {
      bias?: Tensor | null | undefined;
      stride?: number | readonly number[] | undefined;
      padding?: number | readonly number[] | undefined;
      dilation?: number | readonly number[] | undefined;
      groups?: number | undefined;
    } = {},
  ): Tensor {
    return this.wrap(
      native.call<Handle>(
        op[118],
        this.handle,
        weight.handle,
        options.bias?.handle,
        options.stride,
        options.padding,
        options.dilation,
        options.groups,
      ),
    );
  }

  /** `aten::layer_norm(Tensor input, int[] normalized_shape, Tensor? weight=None, Tensor? bias=None, float eps=1.0000000000000001e-05, bool cudnn_enable=True) -> Tensor` */
  layerNorm(
    normalizedShape: readonly number[],
    options: {
      weight?: Tensor | null | undefined;
      bias?: Tensor | null | undefined;
      eps?: number | undefined;
      cudnnEnable?: boolean | undefined;
    } = {},
  ): Tensor {
    return this.wrap(
      native.call<Handle>(
        op[119],
        this.handle,
        normalizedShape,
        options.weight?.handle,
        options.bias?.handle,
        options.eps,
        options.cudnnEnable,
      ),
    );
  }

  /** `aten::group_norm(Tensor input, int num_groups, Tensor? weight=None, Tensor? bias=None, float eps=1.0000000000000001e-05, bool cudnn_enabled=True) -> Tensor` */
  groupNorm(
    numGroups: number,
    options: {
      weight?: Tensor | null | undefined;
      bias?: Tensor | null | undefined;
      eps?: number | undefined;
      cudnnEnabled?: boolean | undefined;
    } = {},
  ): Tensor {
    return this.wrap(
      native.call<Handle>(
        op[120],
        this.handle,
        numGroups,
        options.weight?.handle,
        options.bias?.handle,
        options.eps,
        options.cudnnEnabled,
      ),
    );
  }

  /** `aten::batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool training, float momentum, float eps, bool cudnn_enabled) -> Tensor` */
  batchNorm(
    weight: Tensor | null,
    bias: Tensor | null,
    runningMean: Tensor | null,
    runningVar: Tensor | null,
    training: boolean,
    momentum: number,
    eps: number,
    cudnnEnabled: boolean,
  ): Tensor {
    return this.wrap(
      native.call<Handle>(
        op[121],
        this.handle,
        weight?.handle,
        bias?.handle,
        runningMean?.handle,
        runningVar?.handle,
        training,
        momentum,
        eps,
        cudnnEnabled,
      ),
    );
  }

  /** `aten::dropout(Tensor input, float p, bool train) -> Tensor` */
  dropout(p: number, train: boolean): Tensor {
    return this.wrap(native.call<Handle>(op[122], this.handle, p, train));
  }

  /** `aten::cross_entropy_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, int ignore_index=-100, float label_smoothing=0.) -> Tensor` */
  crossEntropyLoss(
    target: Tensor,
    options: {
      weight?: Tensor | null | undefined;
      reduction?: Reduction | undefined;
      ignoreIndex?: number | undefined;
      labelSmoothing?: number | undefined;
    } = {},
  ): Tensor {
    return this.wrap(
      native.call<Handle>(
        op[123],
        this.handle,
        target.handle,
        options.weight?.handle,
        options.reduction,
        options.ignoreIndex,
        options.labelSmoothing,
      ),
    );
  }

  /** `aten::mse_loss(Tensor self, Tensor target, int reduction=1) -> Tensor` */
  mseLoss(target: Tensor, reduction?: Reduction): Tensor {
    return this.wrap(native.call<Handle>(op[124], this.handle, target.handle, reduction));
  }

  /** `aten::upsample_nearest2d(Tensor self, SymInt[2] output_size, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleNearest2d(outputSize: number | readonly number[], scalesH?: number | null, scalesW?: number | null): Tensor {
    return this.wrap(native.call<Handle>(op[125], this.handle, outputSize, scalesH, scalesW));
  }

  /** `aten::upsample_bilinear2d(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleBilinear2d(
    outputSize: number | readonly number[],
    alignCorners: boolean,
    options: { scalesH?: number | null | undefined; scalesW?: number | null | undefined } = {},
  ): Tensor {
    return this.wrap(
      native.call<Handle>(op[126], this.handle, outputSize, alignCorners, options.scalesH, options.scalesW),
    );
  }

  /** `aten::upsample_bicubic2d(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleBicubic2d(
    outputSize: number | readonly number[],
    alignCorners: boolean,
    options: { scalesH?: number | null | undefined; scalesW?: number | null | undefined } = {},
  ): Tensor {
    return this.wrap(
      native.call<Handle>(op[127], this.handle, outputSize, alignCorners, options.scalesH, options.scalesW),
    );
  }

  /** `aten::avg_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor` */
  avgPool2d(
    kernelSize: number | readonly number[],
    options: {
      stride?: number | readonly number[] | undefined;
      padding?: number | readonly number[] | undefined;
      ceilMode?: boolean | undefined;
      countIncludePad?: boolean | undefined;
      divisorOverride?: number | null | undefined;
    } = {},
  ): Tensor {
    return this.wrap(
      native.call<Handle>(
        op[128],
        this.handle,
        kernelSize,
        options.stride,
        options.padding,
        options.ceilMode,
        options.countIncludePad,
        options.divisorOverride,
      ),
    );
  }

  /** `aten::max_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor` */
  maxPool2d(
    kernelSize: number | readonly number[],
    options: {
      stride?: number | readonly number[] | undefined;
      padding?: number | readonly number[] | undefined;
      dilation?: number | readonly number[] | undefined;
      ceilMode?: boolean | undefined;
    } = {},
  ): Tensor {
    return this.wrap(
      native.call<Handle>(
        op[129],
        this.handle,
        kernelSize,
        options.stride,
        options.padding,
        options.dilation,
        options.ceilMode,
      ),
    );
  }

  /** `aten::adaptive_avg_pool2d(Tensor self, SymInt[2] output_size) -> Tensor` */
  adaptiveAvgPool2d(outputSize: number | readonly number[]): Tensor {
    return this.wrap(native.call<Handle>(op[130], this.handle, outputSize));
  }

  /** `aten::pixel_shuffle(Tensor self, int upscale_factor) -> Tensor` */
  pixelShuffle(upscaleFactor: number): Tensor {
    return this.wrap(native.call<Handle>(op[131], this.handle, upscaleFactor));
  }

  /** `aten::pixel_unshuffle(Tensor self, int downscale_factor) -> Tensor` */
  pixelUnshuffle(downscaleFactor: number): Tensor {
    return this.wrap(native.call<Handle>(op[132], this.handle, downscaleFactor));
  }

  /** `aten::constant_pad_nd(Tensor self, int[] pad, Scalar value=0) -> Tensor` */
  constantPadNd(pad: readonly number[], value?: number): Tensor {
    return this.wrap(native.call<Handle>(op[133], this.handle, pad, value));
  }

  /** `aten::one_hot(Tensor self, int num_classes=-1) -> Tensor` */
  oneHot(numClasses?: number): Tensor {
    return this.wrap(native.call<Handle>(op[134], this.handle, numClasses));
  }

  /** `aten::bincount(Tensor self, Tensor? weights=None, int minlength=0) -> Tensor` */
  bincount(weights?: Tensor | null, minlength?: number): Tensor {
    return this.wrap(native.call<Handle>(op[135], this.handle, weights?.handle, minlength));
  }

  /** `aten::multinomial(Tensor self, int num_samples, bool replacement=False, *, Generator? generator=None) -> Tensor` */
  multinomial(
    numSamples: number,
    replacement?: boolean,
    options: { generator?: Generator | null | undefined } = {},
  ): Tensor {
    return this.wrap(native.call<Handle>(op[136], this.handle, numSamples, replacement, options.generator?.handle));
  }

  /** `aten::zeros_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
  zerosLike(
    options: {
      dtype?: DType | null | undefined;
      device?: Device | null | undefined;
      memoryFormat?: MemoryFormat | null | undefined;
    } = {},
  ): Tensor {
    return this.wrap(
      native.call<Handle>(
        op[137],
        this.handle,
        options.dtype,
        undefined,
        options.device,
        undefined,
        options.memoryFormat,
      ),
    );
  }

  /** `aten::ones_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
  onesLike(
    options: {
      dtype?: DType | null | undefined;
      device?: Device | null | undefined;
      memoryFormat?: MemoryFormat | null | undefined;
    } = {},
  ): Tensor {
    return this.wrap(
      native.call<Handle>(
        op[138],
        this.handle,
        options.dtype,
        undefined,
        options.device,
        undefined,
        options.memoryFormat,
      ),
    );
  }
}
