import { constant, fanIn, zeros } from "../nn/init.ts";
import { Module } from "../nn/module.ts";
import { cat, ones, zeros as zerosOf } from "../tensor/functions.generated.ts";
import type { Parameter } from "../tensor/parameter.ts";
import { keep } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";

// The parts of the FID Inception, named as in its weights: a branch is a row of convolutions, a block joins its branches'
// channels. Where TensorFlow's network differs from torchvision's: average pools leave the padding out of the count, and
// the last block's pool takes the maximum.

type Kernel = readonly [height: number, width: number];

/** Convolution without bias, batch norm with what training left, ReLU; as one convolution. */
export class BasicConv extends Module {
  conv: ConvWeights;
  bn: Statistics;
  readonly #stride: number;
  readonly #padding: Kernel;

  constructor(
    inputs: number,
    outputs: number,
    options: { kernel?: number | Kernel; stride?: number; padding?: number | Kernel } = {},
  ) {
    super();
    const { kernel = 1, stride = 1, padding = 0 } = options;
    this.conv = new ConvWeights([outputs, inputs, ...pair(kernel)]);
    this.bn = new Statistics(outputs);
    this.#stride = stride;
    this.#padding = pair(padding);
  }

  /** (B, in, H, W) → (B, out, H', W') */
  forward(x: Tensor): Tensor {
    const { scale, shift } = this.bn.line();
    const weight = this.conv.weight.mul(scale.view([-1, 1, 1, 1]));
    return x.conv2d(weight, { bias: shift, stride: this.#stride, padding: this.#padding }).relu();
  }
}

function pair(value: number | Kernel): Kernel {
  return typeof value === "number" ? [value, value] : value;
}

class ConvWeights extends Module {
  weight: Parameter;

  constructor(shape: readonly number[]) {
    super();
    this.weight = fanIn(
      shape,
      shape.slice(1).reduce((product, size) => product * size, 1),
    );
  }
}

/** Batch norm that is over: a line for every channel. */
class Statistics extends Module {
  weight: Parameter;
  bias: Parameter;
  runningMean: Tensor;
  runningVar: Tensor;

  constructor(channels: number) {
    super();
    this.weight = constant([channels], 1);
    this.bias = zeros([channels]);
    this.runningMean = keep(zerosOf([channels]));
    this.runningVar = keep(ones([channels]));
  }

  line(): { scale: Tensor; shift: Tensor } {
    const scale = this.weight.mul(this.runningVar.add(1e-3).rsqrt());
    return { scale, shift: this.bias.sub(scale.mul(this.runningMean)) };
  }
}

/** 3×3 at stride 1, the size kept, the padding left out of the count. */
function averagePool(x: Tensor): Tensor {
  return x.avgPool2d(3, { stride: 1, padding: 1, countIncludePad: false });
}

/** A convolution whose output has the size of its input. */
function same(inputs: number, outputs: number, height: number, width = height): BasicConv {
  return new BasicConv(inputs, outputs, { kernel: [height, width], padding: [(height - 1) / 2, (width - 1) / 2] });
}

/** Mixed_5b, 5c, 5d: → (B, 224 + poolFeatures, h, w) */
export class InceptionA extends Module {
  branch1x1: BasicConv;
  branch5x5_1: BasicConv;
  branch5x5_2: BasicConv;
  branch3x3dbl_1: BasicConv;
  branch3x3dbl_2: BasicConv;
  branch3x3dbl_3: BasicConv;
  branchPool: BasicConv;

  constructor(inputs: number, poolFeatures: number) {
    super();
    this.branch1x1 = new BasicConv(inputs, 64);
    this.branch5x5_1 = new BasicConv(inputs, 48);
    this.branch5x5_2 = same(48, 64, 5);
    this.branch3x3dbl_1 = new BasicConv(inputs, 64);
    this.branch3x3dbl_2 = same(64, 96, 3);
    this.branch3x3dbl_3 = same(96, 96, 3);
    this.branchPool = new BasicConv(inputs, poolFeatures);
  }

  forward(x: Tensor): Tensor {
    return cat(
      [
        this.branch1x1.forward(x),
        chain(x, [this.branch5x5_1, this.branch5x5_2]),
        chain(x, [this.branch3x3dbl_1, this.branch3x3dbl_2, this.branch3x3dbl_3]),
        this.branchPool.forward(averagePool(x)),
      ],
      1,
    );
  }
}

/** Mixed_6a, half the size: (B, 288, h, w) → (B, 768, h', w') */
export class InceptionB extends Module {
  branch3x3: BasicConv = new BasicConv(288, 384, { kernel: 3, stride: 2 });
  branch3x3dbl_1: BasicConv = new BasicConv(288, 64);
  branch3x3dbl_2: BasicConv = same(64, 96, 3);
  branch3x3dbl_3: BasicConv = new BasicConv(96, 96, { kernel: 3, stride: 2 });

  forward(x: Tensor): Tensor {
    return cat(
      [
        this.branch3x3.forward(x),
        chain(x, [this.branch3x3dbl_1, this.branch3x3dbl_2, this.branch3x3dbl_3]),
        x.maxPool2d(3, { stride: 2 }),
      ],
      1,
    );
  }
}

/** Mixed_6b to 6e: (B, 768, h, w) → the same, over `width` channels in between */
export class InceptionC extends Module {
  branch1x1: BasicConv;
  branch7x7_1: BasicConv;
  branch7x7_2: BasicConv;
  branch7x7_3: BasicConv;
  branch7x7dbl_1: BasicConv;
  branch7x7dbl_2: BasicConv;
  branch7x7dbl_3: BasicConv;
  branch7x7dbl_4: BasicConv;
  branch7x7dbl_5: BasicConv;
  branchPool: BasicConv;

  constructor(width: number) {
    super();
    this.branch1x1 = new BasicConv(768, 192);
    this.branch7x7_1 = new BasicConv(768, width);
    this.branch7x7_2 = same(width, width, 1, 7);
    this.branch7x7_3 = same(width, 192, 7, 1);
    this.branch7x7dbl_1 = new BasicConv(768, width);
    this.branch7x7dbl_2 = same(width, width, 7, 1);
    this.branch7x7dbl_3 = same(width, width, 1, 7);
    this.branch7x7dbl_4 = same(width, width, 7, 1);
    this.branch7x7dbl_5 = same(width, 192, 1, 7);
    this.branchPool = new BasicConv(768, 192);
  }

  forward(x: Tensor): Tensor {
    return cat(
      [
        this.branch1x1.forward(x),
        chain(x, [this.branch7x7_1, this.branch7x7_2, this.branch7x7_3]),
        chain(x, [
          this.branch7x7dbl_1,
          this.branch7x7dbl_2,
          this.branch7x7dbl_3,
          this.branch7x7dbl_4,
          this.branch7x7dbl_5,
        ]),
        this.branchPool.forward(averagePool(x)),
      ],
      1,
    );
  }
}

/** Mixed_7a, half the size: (B, 768, h, w) → (B, 1280, h', w') */
export class InceptionD extends Module {
  branch3x3_1: BasicConv = new BasicConv(768, 192);
  branch3x3_2: BasicConv = new BasicConv(192, 320, { kernel: 3, stride: 2 });
  branch7x7x3_1: BasicConv = new BasicConv(768, 192);
  branch7x7x3_2: BasicConv = same(192, 192, 1, 7);
  branch7x7x3_3: BasicConv = same(192, 192, 7, 1);
  branch7x7x3_4: BasicConv = new BasicConv(192, 192, { kernel: 3, stride: 2 });

  forward(x: Tensor): Tensor {
    return cat(
      [
        chain(x, [this.branch3x3_1, this.branch3x3_2]),
        chain(x, [this.branch7x7x3_1, this.branch7x7x3_2, this.branch7x7x3_3, this.branch7x7x3_4]),
        x.maxPool2d(3, { stride: 2 }),
      ],
      1,
    );
  }
}

/** Mixed_7b and 7c, which pool differently: → (B, 2048, h, w) */
export class InceptionE extends Module {
  branch1x1: BasicConv;
  branch3x3_1: BasicConv;
  branch3x3_2a: BasicConv;
  branch3x3_2b: BasicConv;
  branch3x3dbl_1: BasicConv;
  branch3x3dbl_2: BasicConv;
  branch3x3dbl_3a: BasicConv;
  branch3x3dbl_3b: BasicConv;
  branchPool: BasicConv;
  readonly #pool: "average" | "maximum";

  constructor(inputs: number, pool: "average" | "maximum") {
    super();
    this.branch1x1 = new BasicConv(inputs, 320);
    this.branch3x3_1 = new BasicConv(inputs, 384);
    this.branch3x3_2a = same(384, 384, 1, 3);
    this.branch3x3_2b = same(384, 384, 3, 1);
    this.branch3x3dbl_1 = new BasicConv(inputs, 448);
    this.branch3x3dbl_2 = same(448, 384, 3);
    this.branch3x3dbl_3a = same(384, 384, 1, 3);
    this.branch3x3dbl_3b = same(384, 384, 3, 1);
    this.branchPool = new BasicConv(inputs, 192);
    this.#pool = pool;
  }

  forward(x: Tensor): Tensor {
    const once = this.branch3x3_1.forward(x);
    const twice = chain(x, [this.branch3x3dbl_1, this.branch3x3dbl_2]);
    const pooled = this.#pool === "average" ? averagePool(x) : x.maxPool2d(3, { stride: 1, padding: 1 });
    return cat(
      [
        this.branch1x1.forward(x),
        this.branch3x3_2a.forward(once),
        this.branch3x3_2b.forward(once),
        this.branch3x3dbl_3a.forward(twice),
        this.branch3x3dbl_3b.forward(twice),
        this.branchPool.forward(pooled),
      ],
      1,
    );
  }
}

function chain(x: Tensor, convs: readonly BasicConv[]): Tensor {
  return convs.reduce((features, conv) => conv.forward(features), x);
}
