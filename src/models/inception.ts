import { withoutInit } from "../nn/init.ts";
import { Linear } from "../nn/layers.ts";
import { describeMismatch } from "../nn/mismatch.ts";
import { Module, type StateDict } from "../nn/module.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { BasicConv, InceptionA, InceptionB, InceptionC, InceptionD, InceptionE } from "./inception-blocks.ts";
import { readWeights } from "./pretrained.ts";

/** Side of the pictures that the network was trained on. */
const SIDE = 299;
const CLASSES = 1008;

/**
 * The Inception network whose features FID, KID and the Inception Score are told in: TensorFlow's of 2015, as
 * mseitzer/pytorch-fid has it. It is another network than torchvision's Inception v3, and only its figures may be called FID.
 * It computes in float32 and never learns.
 *
 * B batch.
 */
export class Inception extends Module {
  conv2d_1a_3x3: BasicConv = new BasicConv(3, 32, { kernel: 3, stride: 2 });
  conv2d_2a_3x3: BasicConv = new BasicConv(32, 32, { kernel: 3 });
  conv2d_2b_3x3: BasicConv = new BasicConv(32, 64, { kernel: 3, padding: 1 });
  conv2d_3b_1x1: BasicConv = new BasicConv(64, 80);
  conv2d_4a_3x3: BasicConv = new BasicConv(80, 192, { kernel: 3 });
  mixed_5b: InceptionA = new InceptionA(192, 32);
  mixed_5c: InceptionA = new InceptionA(256, 64);
  mixed_5d: InceptionA = new InceptionA(288, 64);
  mixed_6a: InceptionB = new InceptionB();
  mixed_6b: InceptionC = new InceptionC(128);
  mixed_6c: InceptionC = new InceptionC(160);
  mixed_6d: InceptionC = new InceptionC(160);
  mixed_6e: InceptionC = new InceptionC(192);
  mixed_7a: InceptionD = new InceptionD();
  mixed_7b: InceptionE = new InceptionE(1280, "average");
  mixed_7c: InceptionE = new InceptionE(2048, "maximum");
  fc: Linear = new Linear(2048, CLASSES);

  constructor() {
    super();
    this.setTrainable(false).eval();
  }

  /**
   * Reads pytorch-fid's `pt_inception-2015-12-05-6726825d.pth`, or safetensors with its names.
   * @throws Error when the file does not exist, cannot be read, or has other weights; the message lists them
   */
  static fromFile(path: string): Inception {
    try {
      return Inception.fromStateDict(readWeights(path));
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const text = message.includes(path) ? message : `cannot read the FID Inception from ${path}: ${message}`;
      throw new Error(text, { cause: error });
    }
  }

  /** From weights by pytorch-fid's names; how many batches a norm has seen says nothing and may be missing. */
  static fromStateDict(weights: StateDict): Inception {
    const state = new Map<string, Tensor>();
    for (const [name, tensor] of weights) {
      if (!name.endsWith(".num_batches_tracked")) state.set(ownName(name), tensor);
    }
    const inception = withoutInit(() => new Inception());
    const { missing, extra, misshapen } = inception.compare(state);
    const problem = describeMismatch({
      missing: missing.map(publishedName),
      extra: extra.map(publishedName),
      misshapen: misshapen.map(publishedName),
    });
    if (problem !== undefined) {
      inception.dispose();
      throw new Error(
        `these are not the weights of pt_inception-2015-12-05-6726825d.pth (torchvision's Inception is another network): ${problem}`,
      );
    }
    inception.loadStateDict(state);
    return inception;
  }

  /**
   * Pictures (B, 3, H, W) in [−1, 1] → features (B, 2048). They are resized to 299×299 as pytorch-fid does it: bilinear,
   * without antialiasing.
   */
  forward(images: Tensor): Tensor {
    return this.blocks(images)[3].mean([2, 3]);
  }

  /** Pictures as for `forward` → what the four blocks of pytorch-fid end in: 64, 192, 768 and 2048 channels. */
  blocks(images: Tensor): [Tensor, Tensor, Tensor, Tensor] {
    const resized = images.to("float32").upsampleBilinear2d([SIDE, SIDE], false); // (B, 3, 299, 299)
    const first = pool(through(resized, [this.conv2d_1a_3x3, this.conv2d_2a_3x3, this.conv2d_2b_3x3])); // (B, 64, 73, 73)
    const second = pool(through(first, [this.conv2d_3b_1x1, this.conv2d_4a_3x3])); // (B, 192, 35, 35)
    const third = through(second, [
      this.mixed_5b,
      this.mixed_5c,
      this.mixed_5d,
      this.mixed_6a,
      this.mixed_6b,
      this.mixed_6c,
      this.mixed_6d,
      this.mixed_6e,
    ]); // (B, 768, 17, 17)
    const fourth = through(third, [this.mixed_7a, this.mixed_7b, this.mixed_7c]); // (B, 2048, 8, 8)
    return [first, second, third, fourth];
  }

  /**
   * Features (B, 2048) → logits of the 1008 classes (B, 1008).
   * @param options.bias false is what the Inception Score takes: its code multiplies by the weights alone
   */
  logits(features: Tensor, options: { bias?: boolean } = {}): Tensor {
    return options.bias === false ? features.matmul(this.fc.weight.t()) : this.fc.forward(features);
  }
}

function pool(x: Tensor): Tensor {
  return x.maxPool2d(3, { stride: 2 });
}

function through(x: Tensor, parts: readonly { forward: (x: Tensor) => Tensor }[]): Tensor {
  return parts.reduce((features, part) => part.forward(features), x);
}

/** `Mixed_5b.…` → `mixed_5b.…` */
function ownName(name: string): string {
  return name.replace(/^(Conv2d|Mixed)_/, (start) => start.toLowerCase());
}

function publishedName(name: string): string {
  return name.replace(/^(conv2d|mixed)_/, (start) => start.charAt(0).toUpperCase() + start.slice(1));
}
