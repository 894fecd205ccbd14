import { projectTogether } from "../nn/attention.ts";
import { Conv2d, Dropout, GroupNorm } from "../nn/layers.ts";
import { Module } from "../nn/module.ts";
import { attention } from "../tensor/functions.generated.ts";
import type { Tensor } from "../tensor/tensor.ts";

/**
 * Encoder and decoder of the VQGAN (Esser et al., arXiv 2012.09841), layer by layer as in CompVis/taming-transformers
 * (`taming/modules/diffusionmodules/model.py`), whose parameter names they keep.
 * Differs in one option: `patchSize` folds p×p pixels into channels, because a CPU computes many channels at a low
 * resolution several times faster than few channels at full resolution.
 *
 * B batch, C channels, H and W the size of a picture or of a feature map.
 */
export type CodecConfig = {
  /** Side of the pictures in pixels; it only says at which levels attention is, other sizes work too. */
  resolution: number;
  inChannels: number;
  outCh: number;
  /** Channels of the first level; those of level i are `ch * chMult[i]`. Every level but the first halves the size. */
  ch: number;
  chMult: readonly number[];
  numResBlocks: number;
  /** Sizes of feature maps, counted after `patchSize`, that get self-attention. */
  attnResolutions: readonly number[];
  /** Channels between encoder and decoder. */
  zChannels: number;
  /** Twice the channels out of the encoder, as variational codecs have them; a VQGAN has not. */
  doubleZ: boolean;
  dropout: number;
  /** p×p pixels become one position of 3p² channels; 1 is the published layout. */
  patchSize: number;
  /** Groups of every GroupNorm; at most one a channel. */
  normGroups: number;
  /** 1e-6 in taming-transformers, 1e-5 in HFAiLab/clip-gen. */
  groupNormEps: number;
};

/** How many pixels a side of the picture has for every one of the feature map that the encoder gives. */
export function codecFactor(config: Pick<CodecConfig, "chMult" | "patchSize">): number {
  return config.patchSize * 2 ** (config.chMult.length - 1);
}

/** Pictures → feature maps. */
export class Encoder extends Module {
  convIn: Conv2d;
  down: DownLevel[];
  mid: Middle;
  normOut: GroupNorm;
  convOut: Conv2d;
  readonly #patchSize: number;

  constructor(config: CodecConfig) {
    super();
    const { ch, chMult, patchSize } = config;
    this.#patchSize = patchSize;
    this.convIn = conv3x3(config.inChannels * patchSize ** 2, ch);
    const last = chMult.length - 1;
    this.down = chMult.map((mult, i) => {
      const inputs = ch * (chMult[i - 1] ?? 1);
      return new DownLevel(config, { inputs, outputs: ch * mult, resolution: levelSize(config, i), halve: i < last });
    });
    const deepest = ch * (chMult[last] ?? 1);
    this.mid = new Middle(config, deepest);
    this.normOut = groupNorm(config, deepest);
    this.convOut = conv3x3(deepest, config.zChannels * (config.doubleZ ? 2 : 1));
  }

  /** (B, 3, H, W) → (B, zChannels, H / factor, W / factor) */
  forward(images: Tensor): Tensor {
    const folded = this.#patchSize > 1 ? images.pixelUnshuffle(this.#patchSize) : images;
    let h = this.convIn.forward(channelsLast(folded));
    for (const level of this.down) h = level.forward(h);
    h = this.mid.forward(h);
    return this.convOut.forward(this.normOut.forward(h, "silu"));
  }
}

/** Feature maps → pictures. */
export class Decoder extends Module {
  convIn: Conv2d;
  mid: Middle;
  /** Level 0 has the highest resolution, as in the encoder; the pass goes through them from the last to the first. */
  up: UpLevel[];
  normOut: GroupNorm;
  convOut: Conv2d;
  readonly #patchSize: number;

  constructor(config: CodecConfig) {
    super();
    const { ch, chMult, patchSize } = config;
    this.#patchSize = patchSize;
    const last = chMult.length - 1;
    const deepest = ch * (chMult[last] ?? 1);
    this.convIn = conv3x3(config.zChannels, deepest);
    this.mid = new Middle(config, deepest);
    this.up = chMult.map((mult, i) => {
      const inputs = ch * (chMult[i + 1] ?? mult);
      return new UpLevel(config, { inputs, outputs: ch * mult, resolution: levelSize(config, i), double: i > 0 });
    });
    const widest = ch * (chMult[0] ?? 1);
    this.normOut = groupNorm(config, widest);
    this.convOut = conv3x3(widest, config.outCh * patchSize ** 2);
  }

  /** (B, zChannels, h, w) → (B, 3, h · factor, w · factor) */
  forward(z: Tensor): Tensor {
    let h = this.mid.forward(this.convIn.forward(channelsLast(z)));
    for (const level of this.up.toReversed()) h = level.forward(h);
    h = this.convOut.forward(this.normOut.forward(h, "silu"));
    return this.#patchSize > 1 ? h.pixelShuffle(this.#patchSize) : h;
  }
}

class DownLevel extends Module {
  block: ResnetBlock[];
  attn: AttnBlock[];
  downsample: Downsample | undefined;

  constructor(config: CodecConfig, size: { inputs: number; outputs: number; resolution: number; halve: boolean }) {
    super();
    const { inputs, outputs } = size;
    this.block = resnetBlocks(config, { inputs, outputs, count: config.numResBlocks });
    this.attn = attnBlocks(config, { channels: outputs, resolution: size.resolution, count: config.numResBlocks });
    if (size.halve) this.downsample = new Downsample(outputs);
  }

  forward(x: Tensor): Tensor {
    const h = blocks(this, x);
    return this.downsample ? this.downsample.forward(h) : h;
  }
}

class UpLevel extends Module {
  block: ResnetBlock[];
  attn: AttnBlock[];
  upsample: Upsample | undefined;

  constructor(config: CodecConfig, size: { inputs: number; outputs: number; resolution: number; double: boolean }) {
    super();
    const { inputs, outputs } = size;
    const count = config.numResBlocks + 1;
    this.block = resnetBlocks(config, { inputs, outputs, count });
    this.attn = attnBlocks(config, { channels: outputs, resolution: size.resolution, count });
    if (size.double) this.upsample = new Upsample(outputs);
  }

  forward(x: Tensor): Tensor {
    const h = blocks(this, x);
    return this.upsample ? this.upsample.forward(h) : h;
  }
}

class Middle extends Module {
  // The underscores are in the published names.
  block_1: ResnetBlock;
  attn_1: AttnBlock;
  block_2: ResnetBlock;

  constructor(config: CodecConfig, channels: number) {
    super();
    this.block_1 = new ResnetBlock(config, channels, channels);
    this.attn_1 = new AttnBlock(config, channels);
    this.block_2 = new ResnetBlock(config, channels, channels);
  }

  forward(x: Tensor): Tensor {
    return this.block_2.forward(this.attn_1.forward(this.block_1.forward(x)));
  }
}

/** x + f(x), with a 1×1 convolution on the way past where the channels change. */
class ResnetBlock extends Module {
  norm1: GroupNorm;
  conv1: Conv2d;
  norm2: GroupNorm;
  dropout: Dropout;
  conv2: Conv2d;
  ninShortcut: Conv2d | undefined;

  constructor(config: CodecConfig, inputs: number, outputs: number) {
    super();
    this.norm1 = groupNorm(config, inputs);
    this.conv1 = conv3x3(inputs, outputs);
    this.norm2 = groupNorm(config, outputs);
    this.dropout = new Dropout(config.dropout);
    this.conv2 = conv3x3(outputs, outputs);
    if (inputs !== outputs) this.ninShortcut = new Conv2d(inputs, outputs, { kernelSize: 1 });
  }

  forward(x: Tensor): Tensor {
    let h = this.conv1.forward(this.norm1.forward(x, "silu"));
    h = this.conv2.forward(this.dropout.forward(this.norm2.forward(h, "silu")));
    return (this.ninShortcut ? this.ninShortcut.forward(x) : x).add(h);
  }
}

/** Self-attention with one head over all positions of a feature map. */
class AttnBlock extends Module {
  norm: GroupNorm;
  q: Conv2d;
  k: Conv2d;
  v: Conv2d;
  projOut: Conv2d;

  constructor(config: CodecConfig, channels: number) {
    super();
    this.norm = groupNorm(config, channels);
    this.q = new Conv2d(channels, channels, { kernelSize: 1 });
    this.k = new Conv2d(channels, channels, { kernelSize: 1 });
    this.v = new Conv2d(channels, channels, { kernelSize: 1 });
    this.projOut = new Conv2d(channels, channels, { kernelSize: 1 });
  }

  forward(x: Tensor): Tensor {
    const [batch, channels, height, width] = [x.size(0), x.size(1), x.size(2), x.size(3)];
    const qkv = projectTogether(rows(this.norm.forward(x)), [this.q, this.k, this.v]); // (B, HW, 3 · C)
    const attended = attention(qkv, 1, false, 0).view([batch, height, width, channels]).permute([0, 3, 1, 2]);
    return x.add(this.projOut.forward(attended));
  }
}

class Downsample extends Module {
  conv: Conv2d;

  constructor(channels: number) {
    super();
    this.conv = new Conv2d(channels, channels, { kernelSize: 3, stride: 2 });
  }

  forward(x: Tensor): Tensor {
    return this.conv.forward(x.constantPadNd([0, 1, 0, 1])); // right and bottom only
  }
}

class Upsample extends Module {
  conv: Conv2d;

  constructor(channels: number) {
    super();
    this.conv = conv3x3(channels, channels);
  }

  forward(x: Tensor): Tensor {
    return this.conv.forward(x.upsampleNearest2d([x.size(2) * 2, x.size(3) * 2]));
  }
}

/** With the channels of a pixel side by side in memory: convolutions and norms are quickest so, and what they give is too. */
function channelsLast(maps: Tensor): Tensor {
  return maps.contiguous({ memoryFormat: "channels_last" });
}

/** (B, C, H, W) → (B, HW, C) */
function rows(maps: Tensor): Tensor {
  return maps.permute([0, 2, 3, 1]).flatten(1, 2);
}

/** Every residual block, with the attention that follows it where the level has attention. */
function blocks(level: { block: ResnetBlock[]; attn: AttnBlock[] }, x: Tensor): Tensor {
  let h = x;
  for (const [i, block] of level.block.entries()) {
    h = block.forward(h);
    h = level.attn[i]?.forward(h) ?? h;
  }
  return h;
}

function resnetBlocks(config: CodecConfig, size: { inputs: number; outputs: number; count: number }): ResnetBlock[] {
  const { inputs, outputs, count } = size;
  return Array.from({ length: count }, (_, i) => new ResnetBlock(config, i === 0 ? inputs : outputs, outputs));
}

function attnBlocks(config: CodecConfig, size: { channels: number; resolution: number; count: number }): AttnBlock[] {
  if (!config.attnResolutions.includes(size.resolution)) return [];
  return Array.from({ length: size.count }, () => new AttnBlock(config, size.channels));
}

/** Side of the feature map at a level. */
function levelSize(config: CodecConfig, level: number): number {
  return Math.floor(config.resolution / config.patchSize / 2 ** level);
}

function conv3x3(inputs: number, outputs: number): Conv2d {
  return new Conv2d(inputs, outputs, { kernelSize: 3, padding: 1 });
}

function groupNorm(config: CodecConfig, channels: number): GroupNorm {
  const groups = Math.min(config.normGroups, channels);
  if (channels % groups !== 0) {
    throw new RangeError(
      `${channels} channels cannot be normalised in ${groups} groups; make ch a multiple of ${groups}, or set norm_groups`,
    );
  }
  return new GroupNorm(groups, channels, { eps: config.groupNormEps });
}
