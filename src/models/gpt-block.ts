import { mergeHeads, scaledDotProductAttention, splitHeads } from "../nn/attention.ts";
import { Dropout, LayerNorm, Linear } from "../nn/layers.ts";
import { Module } from "../nn/module.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { GptConfig } from "./gpt-config.ts";
import type { KvCache } from "./kv-cache.ts";

// B batch, T new and S all positions, H heads of d numbers, C width.

/** What every block of a pass gets beside its input. */
export type BlockContext = {
  /** (T, S), added to attention's scores */
  mask: Tensor;
  cached: { cache: KvCache; layer: number } | undefined;
  /** Where positions are rotated into queries and keys. */
  rotation: Rotated | undefined;
};

/** Cosine and sine of every position's turns, each (T, d / 2). */
export type Rotated = { cos: Tensor; sin: Tensor };

/** Pre-norm transformer block (GPT-2). */
export class Block extends Module {
  norm1: LayerNorm;
  attention: CausalSelfAttention;
  norm2: LayerNorm;
  mlp: Mlp;

  constructor(config: GptConfig) {
    super();
    this.norm1 = new LayerNorm(config.width);
    this.attention = new CausalSelfAttention(config);
    this.norm2 = new LayerNorm(config.width);
    this.mlp = new Mlp(config);
  }

  forward(x: Tensor, context: BlockContext): Tensor {
    const attended = x.add(this.attention.forward(this.norm1.forward(x), context));
    return attended.add(this.mlp.forward(this.norm2.forward(attended)));
  }
}

class CausalSelfAttention extends Module {
  qkv: Linear;
  proj: Linear;
  attentionDropout: Dropout;
  residualDropout: Dropout;
  readonly #heads: number;

  constructor({ width, heads, layers, dropout }: GptConfig) {
    super();
    this.qkv = new Linear(width, 3 * width, { std: 0.02 });
    this.proj = new Linear(width, width, { std: residualStd(layers) });
    this.attentionDropout = new Dropout(dropout);
    this.residualDropout = new Dropout(dropout);
    this.#heads = heads;
  }

  forward(x: Tensor, { mask, cached }: BlockContext): Tensor {
    const [q, k, v] = this.qkv
      .forward(x)
      .chunk(3, -1)
      .map((part) => splitHeads(part, this.#heads)); // (B, H, T, d)
    if (!q || !k || !v) throw new Error("chunk gave fewer than three parts");
    const [keys, values] = cached ? cached.cache.append(cached.layer, { k, v }) : [k, v]; // (B, H, S, d)
    const dropout = (weights: Tensor): Tensor => this.attentionDropout.forward(weights);
    const attended = scaledDotProductAttention(q, keys, values, { mask, dropout });
    return this.residualDropout.forward(this.proj.forward(mergeHeads(attended)));
  }
}

class Mlp extends Module {
  fc1: Linear;
  fc2: Linear;
  dropout: Dropout;

  constructor({ width, layers, dropout, mlpWidth = 4 * width }: GptConfig) {
    super();
    this.fc1 = new Linear(width, mlpWidth, { std: 0.02 });
    this.fc2 = new Linear(mlpWidth, width, { std: residualStd(layers) });
    this.dropout = new Dropout(dropout);
  }

  forward(x: Tensor): Tensor {
    return this.dropout.forward(this.fc2.forward(this.fc1.forward(x).gelu()));
  }
}

/** Projections into the residual stream start smaller, since 2·layers of them add up (GPT-2, section 2.3). */
export function residualStd(layers: number): number {
  return 0.02 / Math.sqrt(2 * layers);
}
