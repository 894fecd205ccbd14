import { withoutInit } from "../nn/init.ts";
import { Conv2d } from "../nn/layers.ts";
import { Module } from "../nn/module.ts";
import type { Parameter } from "../tensor/parameter.ts";
import { tidy } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { codecFactor, Decoder, Encoder } from "./codec.ts";
import { readConfig, readWeights, saveNetwork } from "./pretrained.ts";
import { VectorQuantizer, type Quantized } from "./quantizer.ts";
import { vqganConfig, type VqganConfig } from "./vqgan-config.ts";

const MODEL_TYPE = "clip_gen_vqgan";

/** What `Vqgan.encode` gives. */
export type Encoded = Quantized & {
  /** (B, embedDim, h, w) float32: the latents before quantisation. */
  z: Tensor;
};

/**
 * VQGAN: pictures as grids of tokens (Esser et al., arXiv 2012.09841; CLIP-GEN, section 3.1).
 * Names and arithmetic are those of `VQModel` in CompVis/taming-transformers; the loss is in `train/vqgan-loss.ts`.
 * Encoder and decoder compute in `computeDtype`, the quantisation always in float32.
 *
 * B batch, H×W pixels in [−1, 1], h×w tokens.
 */
export class Vqgan extends Module {
  readonly config: VqganConfig;
  encoder: Encoder;
  decoder: Decoder;
  quantize: VectorQuantizer;
  quantConv: Conv2d;
  postQuantConv: Conv2d;

  constructor(config: VqganConfig) {
    super();
    const { zChannels, doubleZ, embedDim } = config;
    this.config = config;
    this.encoder = new Encoder(config);
    this.decoder = new Decoder(config);
    this.quantize = new VectorQuantizer(config);
    this.quantConv = new Conv2d(zChannels * (doubleZ ? 2 : 1), embedDim, { kernelSize: 1 });
    this.postQuantConv = new Conv2d(embedDim, zChannels, { kernelSize: 1 });
  }

  /** Reads a folder that `savePretrained` wrote. */
  static async fromPretrained(folder: string): Promise<Vqgan> {
    const config = readConfig(folder, { modelType: MODEL_TYPE, schema: vqganConfig });
    const vqgan = withoutInit(() => new Vqgan(config));
    tidy(() => vqgan.loadStateDict(readWeights(folder)));
    return vqgan.eval();
  }

  async savePretrained(folder: string, options: { dtype?: "float32" | "bfloat16" } = {}): Promise<void> {
    saveNetwork(folder, { modelType: MODEL_TYPE, config: this.config, module: this, ...options });
  }

  /** The weight whose gradients balance the adversarial against the reconstruction loss. */
  get lastLayer(): Parameter {
    return this.decoder.convOut.weight;
  }

  /** Tokens a side, for square pictures of this many pixels a side. */
  tokenGrid(resolution: number = this.config.resolution): number {
    const factor = codecFactor(this.config);
    if (resolution <= 0 || resolution % factor !== 0) {
      throw new RangeError(`pictures of ${resolution} pixels a side do not divide into tokens of ${factor}×${factor}`);
    }
    return resolution / factor;
  }

  /**
   * @param images (B, 3, H, W) in [−1, 1]
   * @throws RangeError when the pictures have another number of channels, or a size that does not divide into tokens
   */
  encode(images: Tensor): Encoded {
    this.#check(images);
    const h = this.encoder.forward(images.to(this.computeDtype)).to("float32"); // (B, zChannels, h, w)
    const z = this.quantConv.forward(h); // (B, embedDim, h, w)
    return { z, ...this.quantize.forward(z) };
  }

  /** Tokens (B, h, w) int64 → pictures (B, 3, H, W) in about [−1, 1]. */
  decode(indices: Tensor): Tensor {
    return this.decodeLatent(this.quantize.lookup(indices));
  }

  /** Latents (B, embedDim, h, w) → pictures (B, 3, H, W) float32 in about [−1, 1]. */
  decodeLatent(zQ: Tensor): Tensor {
    const h = this.postQuantConv.forward(zQ).to(this.computeDtype);
    return this.decoder.forward(h).to("float32");
  }

  /** Encodes pictures (B, 3, H, W) and decodes them again. */
  forward(images: Tensor): Encoded & { reconstruction: Tensor } {
    const encoded = this.encode(images);
    return { ...encoded, reconstruction: this.decodeLatent(encoded.zQ) };
  }

  #check(images: Tensor): void {
    const [, channels, height = 0, width = 0] = images.shape;
    const { inChannels } = this.config;
    if (images.shape.length !== 4 || channels !== inChannels) {
      throw new RangeError(`expected pictures (B, ${inChannels}, H, W), got [${images.shape.join(", ")}]`);
    }
    this.tokenGrid(height);
    this.tokenGrid(width);
  }
}
