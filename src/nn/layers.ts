import {
  addDropout,
  channelNorm,
  dropout,
  embedding,
  layerNorm,
  linear,
  ones,
  zeros as zerosOf,
} from "../tensor/functions.generated.ts";
import { group, meanOverProcesses } from "../distributed/group.ts";
import { noGrad } from "../tensor/autograd.ts";
import { Parameter } from "../tensor/parameter.ts";
import { keep, tidy } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { constant, fanIn, normal, zeros } from "./init.ts";
import { Module } from "./module.ts";

// Every layer computes in the dtype of its input: parameters are converted where they are used, so that bfloat16
// activations meet bfloat16 weights while the master weights stay float32, and weights that a file has in 16 bits may
// stay so in memory. What gives activations first (an embedding) gives float32.

/** y = x Wᵀ + b; weight (out, in). */
export class Linear extends Module {
  /** A parameter; int8 numbers once it is quantized. */
  weight: Tensor;
  bias: Parameter | undefined;
  /** (out): what the int8 numbers of each output are multiples of. */
  scale: Tensor | undefined;

  constructor(inputs: number, outputs: number, options: { bias?: boolean; std?: number } = {}) {
    super();
    const shape = [outputs, inputs];
    this.weight = options.std === undefined ? fanIn(shape, inputs) : normal(shape, options.std);
    if (options.bias ?? true) this.bias = options.std === undefined ? fanIn([outputs], inputs) : zeros([outputs]);
  }

  /** (…, in) → (…, out) */
  forward(x: Tensor): Tensor {
    return linear(x, this.weight, { bias: this.bias, scale: this.scale });
  }

  /** Keeps the weight alone in a dtype; the bias is small. */
  setWeightDType(dtype: "float32" | "bfloat16"): void {
    if (this.scale || this.weight.dtype === dtype) return;
    const weight = tidy(() => new Parameter(this.weight.to(dtype)).setRequiresGrad(this.weight.requiresGrad));
    this.weight.dispose();
    this.weight = weight;
  }

  /**
   * Rounds the weight to 8 bits, the greatest of every output becoming ±127: a quarter of float32's memory, and read in a
   * quarter of the time. What computes with it cannot be trained or saved any more.
   */
  quantize(): void {
    if (this.scale) return;
    const [weight, scale] = tidy(() => {
      const wide = this.weight.detach().to("float32");
      const steps = wide.abs().amax([1]).div(127).clamp(1e-12);
      return [wide.div(steps.unsqueeze(1)).round().to("int8"), steps];
    });
    this.weight.dispose();
    this.weight = keep(weight);
    this.scale = keep(scale);
  }
}

/** Convolution; weight (out, in, k, k). */
export class Conv2d extends Module {
  weight: Parameter;
  bias: Parameter | undefined;
  readonly #stride: number;
  readonly #padding: number;

  constructor(
    inputs: number,
    outputs: number,
    options: { kernelSize: number; stride?: number; padding?: number; bias?: boolean },
  ) {
    super();
    const k = options.kernelSize;
    this.weight = fanIn([outputs, inputs, k, k], inputs * k * k);
    if (options.bias ?? true) this.bias = fanIn([outputs], inputs * k * k);
    this.#stride = options.stride ?? 1;
    this.#padding = options.padding ?? 0;
  }

  /** (B, in, H, W) → (B, out, H', W') */
  forward(x: Tensor): Tensor {
    const bias = this.bias?.to(x.dtype);
    return x.conv2d(this.weight.to(x.dtype), { bias, stride: this.#stride, padding: this.#padding });
  }
}

/** A table of vectors: (…) int64 → (…, width) float32; weight (count, width). */
export class Embedding extends Module {
  weight: Parameter;

  constructor(count: number, width: number, options: { std?: number } = {}) {
    super();
    this.weight = normal([count, width], options.std ?? 1);
  }

  forward(indices: Tensor): Tensor {
    return embedding(this.weight, indices).to("float32");
  }
}

/** Normalises the last dimension. */
export class LayerNorm extends Module {
  weight: Parameter;
  bias: Parameter;
  readonly eps: number;

  constructor(width: number, options: { eps?: number } = {}) {
    super();
    this.weight = constant([width], 1);
    this.bias = zeros([width]);
    this.eps = options.eps ?? 1e-5;
  }

  forward(x: Tensor): Tensor {
    return layerNorm(x, this.weight, this.bias, this.eps);
  }
}

/** What may follow a norm in the same pass over memory; "leaky_relu" with a slope of 0.2. */
export type Activation = "none" | "silu" | "leaky_relu";

/** Normalises groups of channels of (B, C, H, W); in float32, whatever dtype it is given and gives back. */
export class GroupNorm extends Module {
  weight: Parameter;
  bias: Parameter;
  readonly #groups: number;
  readonly #eps: number;

  constructor(groups: number, channels: number, options: { eps?: number } = {}) {
    super();
    this.weight = constant([channels], 1);
    this.bias = zeros([channels]);
    this.#groups = groups;
    this.#eps = options.eps ?? 1e-5;
  }

  forward(x: Tensor, activation: Activation = "none"): Tensor {
    const [y] = channelNorm(x, this.weight, this.bias, this.#groups, false, this.#eps, activation);
    return y;
  }
}

const MOMENTUM = 0.1;

/**
 * Normalises channels over the batch, with running statistics for evaluation (momentum 0.1); in float32. The batch is that of
 * all processes, as in PyTorch's `SyncBatchNorm`.
 */
export class BatchNorm2d extends Module {
  weight: Parameter;
  bias: Parameter;
  runningMean: Tensor;
  runningVar: Tensor;
  numBatchesTracked: Tensor;

  constructor(channels: number) {
    super();
    this.weight = constant([channels], 1);
    this.bias = zeros([channels]);
    this.runningMean = keep(zerosOf([channels]));
    this.runningVar = keep(ones([channels]));
    this.numBatchesTracked = keep(Tensor.from([0], [], "int64"));
  }

  forward(x: Tensor, activation: Activation = "none"): Tensor {
    const [channels, eps] = [x.size(1), 1e-5];
    if (this.training) {
      const { size } = group();
      const [y, mean, variance] =
        size === 1
          ? channelNorm(x, this.weight, this.bias, channels, true, eps, activation)
          : this.#overProcesses(x, eps, activation);
      const count = (size * x.numel) / channels;
      noGrad(() => {
        this.numBatchesTracked.add_(1);
        this.runningMean.lerp_(mean.flatten(), MOMENTUM);
        this.runningVar.lerp_(variance.flatten().mul(count / (count - 1)), MOMENTUM);
      });
      return y;
    }
    const scale = this.weight.to("float32").mul(this.runningVar.add(eps).rsqrt());
    const shift = this.bias.to("float32").sub(scale.mul(this.runningMean));
    const y = x
      .to("float32")
      .mul(scale.view([1, -1, 1, 1]))
      .add(shift.view([1, -1, 1, 1]));
    return activated(y, activation).to(x.dtype);
  }

  /** Two means over the processes: of the values, and of their squared distances from the first. */
  #overProcesses(x: Tensor, eps: number, activation: Activation): [y: Tensor, mean: Tensor, variance: Tensor] {
    const mean = meanOverProcesses(x.to("float32").mean([0, 2, 3], true)); // (1, C, 1, 1)
    const centred = x.to("float32").sub(mean);
    const variance = meanOverProcesses(centred.square().mean([0, 2, 3], true));
    const y = centred
      .mul(variance.add(eps).rsqrt())
      .mul(this.weight.view([1, -1, 1, 1]))
      .add(this.bias.view([1, -1, 1, 1]));
    return [activated(y, activation).to(x.dtype), mean.detach(), variance.detach()];
  }
}

function activated(y: Tensor, activation: Activation): Tensor {
  switch (activation) {
    case "none":
      return y;
    case "silu":
      return y.silu();
    case "leaky_relu":
      return y.leakyRelu(0.2);
  }
}

/** Sets elements to zero with probability p while training, and scales the others up. */
export class Dropout extends Module {
  readonly #p: number;

  constructor(p: number) {
    super();
    this.#p = p;
  }

  forward(x: Tensor): Tensor {
    return this.probability > 0 ? dropout(x, this.#p) : x;
  }

  /** residual + dropout(x), in one pass over memory. */
  add(residual: Tensor, x: Tensor): Tensor {
    return this.probability > 0 ? addDropout(residual, x, this.#p) : residual.add(x);
  }

  /** Of an element to become zero now: 0 in evaluation. */
  get probability(): number {
    return this.training ? this.#p : 0;
  }
}
