import { constant, normal, zeros } from "../nn/init.ts";
import { BatchNorm2d, Conv2d } from "../nn/layers.ts";
import { Module } from "../nn/module.ts";
import { noGrad } from "../tensor/autograd.ts";
import type { Parameter } from "../tensor/parameter.ts";
import { keep } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";

export type DiscriminatorConfig = {
  /** Channels of the pictures. */
  inputNc: number;
  /** Channels of the first layer; they double with every layer, up to eight times as many. */
  ndf: number;
  /** Convolutions that halve the size; 3 judges patches of 70×70 pixels, fewer suit small pictures. */
  nLayers: number;
  /** ActNorm, which does not mix the pictures of a batch, in place of BatchNorm. */
  useActnorm: boolean;
};

/** What VQGAN is trained with. */
export const defaultDiscriminator: DiscriminatorConfig = { inputNc: 3, ndf: 64, nLayers: 3, useActnorm: false };

/**
 * PatchGAN: one logit for every patch of a picture, positive where it looks real (Isola et al., arXiv 1611.07004).
 * Names, arithmetic and start are those of `NLayerDiscriminator` with `weights_init` in CompVis/taming-transformers.
 */
export class NLayerDiscriminator extends Module {
  main: Layer[];

  constructor(config: DiscriminatorConfig) {
    super();
    const { inputNc, ndf, nLayers, useActnorm } = config;
    const bias = useActnorm; // BatchNorm takes any bias away again
    const width = (layer: number): number => ndf * Math.min(2 ** layer, 8);
    const norm = (channels: number): Layer[] =>
      useActnorm ? [new ActNorm(channels), new LeakyRelu()] : [new LeakyBatchNorm(channels), new Nothing()];
    this.main = [conv4x4(inputNc, ndf, { stride: 2 }), new LeakyRelu()];
    for (let layer = 1; layer <= nLayers; layer++) {
      const stride = layer < nLayers ? 2 : 1;
      const conv = conv4x4(width(layer - 1), width(layer), { stride, bias });
      this.main.push(conv, ...norm(width(layer)));
    }
    this.main.push(conv4x4(width(nLayers), 1, { stride: 1 }));
  }

  /** Pictures (B, 3, H, W) in [−1, 1] → logits (B, 1, h, w) float32. */
  forward(images: Tensor): Tensor {
    let x = images.to(this.computeDtype).contiguous({ memoryFormat: "channels_last" });
    for (const layer of this.main) x = layer.forward(x);
    return x.to("float32");
  }
}

type Layer = Module & { forward(x: Tensor): Tensor };

class LeakyRelu extends Module {
  forward(x: Tensor): Tensor {
    return x.leakyRelu(0.2);
  }
}

/** A scale and a shift for every channel, set from the first batch so that it comes out normalised (Glow, arXiv 1807.03039). */
export class ActNorm extends Module {
  loc: Parameter;
  scale: Parameter;
  /** 0 until the first batch in training mode. */
  initialized: Tensor;

  constructor(channels: number) {
    super();
    this.loc = zeros([1, channels, 1, 1]);
    this.scale = constant([1, channels, 1, 1], 1);
    this.initialized = keep(Tensor.from([0], [], "uint8"));
  }

  forward(x: Tensor): Tensor {
    if (this.training && this.initialized.item() === 0) this.#initialize(x.to("float32"));
    return x.add(this.loc.to(x.dtype)).mul(this.scale.to(x.dtype));
  }

  #initialize(x: Tensor): void {
    noGrad(() => {
      const dims = [0, 2, 3];
      this.loc.copy_(x.mean(dims, true).neg());
      this.scale.copy_(x.variance(dims, true, true).sqrt().add(1e-6).pow(-1));
      this.initialized.fill_(1);
    });
  }
}

function conv4x4(inputs: number, outputs: number, options: { stride: number; bias?: boolean }): Conv2d {
  const conv = new Conv2d(inputs, outputs, { kernelSize: 4, padding: 1, ...options });
  conv.weight.dispose();
  conv.weight = normal([outputs, inputs, 4, 4], 0.02);
  return conv;
}

/** BatchNorm with the LeakyReLU that comes next, in one pass over memory. */
class LeakyBatchNorm extends BatchNorm2d {
  constructor(channels: number) {
    super(channels);
    noGrad(() => this.weight.normal_(1, 0.02));
  }

  override forward(x: Tensor): Tensor {
    return super.forward(x, "leaky_relu");
  }
}

/** Where the reference has the activation that is done already: layers are known by their number. */
class Nothing extends Module {
  forward(x: Tensor): Tensor {
    return x;
  }
}
