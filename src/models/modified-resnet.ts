import { mergeHeads, scaledDotProductAttention, splitHeads } from "../nn/attention.ts";
import { normal } from "../nn/init.ts";
import { BatchNorm2d, Conv2d, Linear } from "../nn/layers.ts";
import { Module } from "../nn/module.ts";
import { cat } from "../tensor/functions.generated.ts";
import type { Parameter } from "../tensor/parameter.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ResNetConfig } from "./clip-config.ts";

const EXPANSION = 4;
/** Pixels a side for each place that the last stage sees. */
export const RESNET_STRIDE = 32;

/**
 * The ResNets of openai/CLIP (`ModifiedResNet`), which see pictures as the vision transformer does. They differ from
 * torchvision's: three convolutions in the stem, average pooling before every stride, and attention in place of the
 * last pooling. Names below `vision_model` are OpenAI's.
 * B pictures, C channels, D width of the common space.
 */
export class ModifiedResNet extends Module {
  conv1: Conv2d;
  bn1: BatchNorm2d;
  conv2: Conv2d;
  bn2: BatchNorm2d;
  conv3: Conv2d;
  bn3: BatchNorm2d;
  layer1: Bottleneck[];
  layer2: Bottleneck[];
  layer3: Bottleneck[];
  layer4: Bottleneck[];
  attnpool: AttentionPool;
  readonly #imageSize: number;

  constructor(config: ResNetConfig, embedDim: number) {
    super();
    const { width, layers, imageSize } = config;
    const half = width / 2;
    this.conv1 = new Conv2d(3, half, { kernelSize: 3, stride: 2, padding: 1, bias: false });
    this.bn1 = new BatchNorm2d(half);
    this.conv2 = new Conv2d(half, half, { kernelSize: 3, padding: 1, bias: false });
    this.bn2 = new BatchNorm2d(half);
    this.conv3 = new Conv2d(half, width, { kernelSize: 3, padding: 1, bias: false });
    this.bn3 = new BatchNorm2d(width);
    this.layer1 = stage({ inputs: width, planes: width, count: layers[0], stride: 1 });
    this.layer2 = stage({ inputs: width * 4, planes: width * 2, count: layers[1], stride: 2 });
    this.layer3 = stage({ inputs: width * 8, planes: width * 4, count: layers[2], stride: 2 });
    this.layer4 = stage({ inputs: width * 16, planes: width * 8, count: layers[3], stride: 2 });
    this.attnpool = new AttentionPool(config, embedDim);
    this.#imageSize = imageSize;
  }

  /** (B, 3, H, W) → (B, D) */
  forward(images: Tensor): Tensor {
    return this.attnpool.forward(this.stages(images).at(-1) ?? images);
  }

  /** What every stage makes of the pictures, normalised over channels: a list of (B, places, C) float32. */
  features(images: Tensor): Tensor[] {
    return this.stages(images).map((maps) => {
      const rows = maps.to("float32").flatten(2).transpose(1, 2);
      return rows.layerNorm([rows.size(-1)]);
    });
  }

  /** (B, 3, H, W) without CLIP's mean and deviation → (B, width, H/4, W/4) */
  stem(images: Tensor): Tensor {
    const [, channels, height, width] = images.shape;
    const size = this.#imageSize;
    if (channels !== 3 || height !== size || width !== size) {
      throw new RangeError(`pictures are [${images.shape.join(", ")}], this CLIP expects (B, 3, ${size}, ${size})`);
    }
    let x = images.to(this.computeDtype);
    x = this.bn1.forward(this.conv1.forward(x)).relu();
    x = this.bn2.forward(this.conv2.forward(x)).relu();
    x = this.bn3.forward(this.conv3.forward(x)).relu();
    return x.avgPool2d([2, 2]);
  }

  /** The feature maps after each of the four stages. */
  stages(images: Tensor): Tensor[] {
    const maps: Tensor[] = [];
    let x = this.stem(images);
    for (const blocks of [this.layer1, this.layer2, this.layer3, this.layer4]) {
      for (const block of blocks) x = block.forward(x);
      maps.push(x);
    }
    return maps;
  }
}

/** 1×1, 3×3, 1×1 around a shortcut; a stride is an average pooling after the second convolution. */
class Bottleneck extends Module {
  conv1: Conv2d;
  bn1: BatchNorm2d;
  conv2: Conv2d;
  bn2: BatchNorm2d;
  conv3: Conv2d;
  bn3: BatchNorm2d;
  downsample: [Conv2d, BatchNorm2d] | undefined;
  readonly #stride: number;

  constructor({ inputs, planes, stride }: { inputs: number; planes: number; stride: number }) {
    super();
    const outputs = planes * EXPANSION;
    this.conv1 = new Conv2d(inputs, planes, { kernelSize: 1, bias: false });
    this.bn1 = new BatchNorm2d(planes);
    this.conv2 = new Conv2d(planes, planes, { kernelSize: 3, padding: 1, bias: false });
    this.bn2 = new BatchNorm2d(planes);
    this.conv3 = new Conv2d(planes, outputs, { kernelSize: 1, bias: false });
    this.bn3 = new BatchNorm2d(outputs);
    if (stride > 1 || inputs !== outputs) {
      this.downsample = [new Conv2d(inputs, outputs, { kernelSize: 1, bias: false }), new BatchNorm2d(outputs)];
    }
    this.#stride = stride;
  }

  forward(x: Tensor): Tensor {
    let h = this.bn1.forward(this.conv1.forward(x)).relu();
    h = this.#pool(this.bn2.forward(this.conv2.forward(h)).relu());
    h = this.bn3.forward(this.conv3.forward(h));
    if (!this.downsample) return h.add(x).relu();
    const [conv, norm] = this.downsample;
    return h.add(norm.forward(conv.forward(this.#pool(x)))).relu();
  }

  #pool(x: Tensor): Tensor {
    return this.#stride > 1 ? x.avgPool2d([this.#stride, this.#stride]) : x;
  }
}

/** The mean of all places asks all places: attention with one query, then a map to the common space. */
class AttentionPool extends Module {
  positionalEmbedding: Parameter;
  kProj: Linear;
  qProj: Linear;
  vProj: Linear;
  cProj: Linear;
  readonly #heads: number;

  constructor({ width, heads, imageSize }: ResNetConfig, embedDim: number) {
    super();
    const channels = width * 8 * EXPANSION;
    const std = channels ** -0.5;
    this.positionalEmbedding = normal([(imageSize / RESNET_STRIDE) ** 2 + 1, channels], std);
    this.kProj = new Linear(channels, channels, { std });
    this.qProj = new Linear(channels, channels, { std });
    this.vProj = new Linear(channels, channels, { std });
    this.cProj = new Linear(channels, embedDim, { std });
    this.#heads = heads;
  }

  /** (B, C, h, w) → (B, D) */
  forward(maps: Tensor): Tensor {
    const places = maps.flatten(2).transpose(1, 2); // (B, hw, C)
    const x = cat([places.mean([1], true), places], 1).add(this.positionalEmbedding.to(maps.dtype)); // (B, 1 + hw, C)
    const heads = (rows: Tensor): Tensor => splitHeads(rows, this.#heads);
    const query = heads(this.qProj.forward(x.narrow(1, 0, 1)));
    const mixed = scaledDotProductAttention(query, heads(this.kProj.forward(x)), heads(this.vProj.forward(x)));
    return this.cProj.forward(mergeHeads(mixed).squeeze(1));
  }
}

type Stage = { inputs: number; planes: number; count: number; stride: number };

function stage({ inputs, planes, count, stride }: Stage): Bottleneck[] {
  return Array.from({ length: count }, (_, i) =>
    i === 0
      ? new Bottleneck({ inputs, planes, stride })
      : new Bottleneck({ inputs: planes * EXPANSION, planes, stride: 1 }),
  );
}
