import { join } from "node:path";
import { writeFileAtomic } from "../io/atomic.ts";
import { shapesOnly } from "../nn/init.ts";
import { Conv2d } from "../nn/layers.ts";
import { Module } from "../nn/module.ts";
import type { Parameter } from "../tensor/parameter.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { tamingYaml } from "./formats/taming-yaml.ts";
import { readVqgan, VQGAN_MODEL_TYPE, type VqganHints } from "./formats/vqgan.ts";
import { codecFactor, Decoder, Encoder } from "./codec.ts";
import { saveNetwork, type LoadOptions, type SaveOptions } from "./pretrained.ts";
import { GumbelQuantizer, VectorQuantizer, type Quantized } from "./quantizer.ts";
import type { VqganConfig } from "./vqgan-config.ts";

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
  encoder: Encoder | undefined;
  decoder: Decoder;
  quantize: VectorQuantizer | GumbelQuantizer;
  quantConv: Conv2d | undefined;
  postQuantConv: Conv2d;

  constructor(config: VqganConfig) {
    super();
    const { zChannels, doubleZ, embedDim } = config;
    this.config = config;
    if (!config.decoderOnly) {
      this.encoder = new Encoder(config);
      this.quantConv = new Conv2d(zChannels * (doubleZ ? 2 : 1), embedDim, { kernelSize: 1 });
    }
    this.decoder = new Decoder(config);
    this.quantize = config.quantizer === "gumbel" ? new GumbelQuantizer(config) : new VectorQuantizer(config);
    this.postQuantConv = new Conv2d(embedDim, zChannels, { kernelSize: 1 });
  }

  /**
   * Reads a folder that `savePretrained` wrote, or a published VQGAN; `formats/vqgan.ts` tells which.
   * @throws Error that lists every name and shape that does not fit
   */
  static async fromPretrained(path: string, options: LoadOptions & VqganHints = {}): Promise<Vqgan> {
    const { config, weights } = readVqgan(path, options);
    const vqgan = shapesOnly(() => new Vqgan(config));
    vqgan.loadWeights(weights, options);
    return vqgan.eval();
  }

  /** Writes our folder; with the layout of taming-transformers, whose names are ours, also the YAML that it needs. */
  async savePretrained(folder: string, options: SaveOptions & { layout?: "taming" } = {}): Promise<void> {
    const { layout, ...precision } = options;
    const yaml = layout === "taming" ? tamingYaml(this.config) : undefined;
    saveNetwork(folder, { modelType: VQGAN_MODEL_TYPE, config: this.config, module: this, ...precision });
    if (yaml !== undefined) writeFileAtomic(join(folder, "model.yaml"), yaml);
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
   * @throws RangeError when the pictures have another number of channels, or a size that does not divide into tokens;
   * Error when this VQGAN has no encoder
   */
  encode(images: Tensor): Encoded {
    const { encoder, quantConv } = this;
    if (!encoder || !quantConv) {
      throw new Error("this VQGAN has a decoder only: it draws tokens, but cannot turn pictures into tokens");
    }
    this.#check(images);
    const seen = this.config.pixelRange === "unit" ? images.add(1).mul(0.5) : images;
    const h = encoder.forward(seen.to(this.computeDtype)).to("float32"); // (B, zChannels, h, w)
    const z = quantConv.forward(h); // (B, embedDim, h, w)
    return { z, ...this.quantize.forward(z) };
  }

  /** Tokens (B, h, w) int64 → pictures (B, 3, H, W) in about [−1, 1]. */
  decode(indices: Tensor): Tensor {
    return this.decodeLatent(this.quantize.lookup(indices));
  }

  /** Latents (B, embedDim, h, w) → pictures (B, 3, H, W) float32 in about [−1, 1]. */
  decodeLatent(zQ: Tensor): Tensor {
    const h = this.postQuantConv.forward(zQ).to(this.computeDtype);
    const images = this.decoder.forward(h).to("float32");
    return this.config.pixelRange === "unit" ? images.mul(2).sub(1) : images;
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
