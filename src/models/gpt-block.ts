import { Dropout, LayerNorm, Linear } from "../nn/layers.ts";
import { Module } from "../nn/module.ts";
import { attention, gelu } from "../tensor/functions.generated.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { GptConfig } from "./gpt-config.ts";
import type { KvCache } from "./kv-cache.ts";

// B batch, T new positions, H heads of d numbers, C width.

/** What every block of a pass gets beside its input. */
export type BlockContext = {
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
  residualDropout: Dropout;

  constructor(config: GptConfig) {
    super();
    this.norm1 = new LayerNorm(config.width);
    this.attention = new CausalSelfAttention(config);
    this.norm2 = new LayerNorm(config.width);
    this.mlp = new Mlp(config);
    this.residualDropout = new Dropout(config.dropout);
  }

  forward(x: Tensor, context: BlockContext): Tensor {
    if (context.cached) return this.#decode(x, context.cached);
    const attended = this.residualDropout.add(x, this.attention.forward(this.norm1.forward(x)));
    return this.residualDropout.add(attended, this.mlp.forward(this.norm2.forward(attended)));
  }

  /** The same as one operator, without dropout and gradients. */
  #decode(x: Tensor, { cache, layer }: { cache: KvCache; layer: number }): Tensor {
    return cache.decodeBlock(layer, x, {
      norms: [this.norm1, this.norm2],
      linears: [this.attention.qkv, this.attention.proj, this.mlp.fc1, this.mlp.fc2],
    });
  }
}

class CausalSelfAttention extends Module {
  qkv: Linear;
  proj: Linear;
  dropout: Dropout;
  readonly #heads: number;

  constructor({ width, heads, layers, dropout }: GptConfig) {
    super();
    this.qkv = new Linear(width, 3 * width, { std: 0.02 });
    this.proj = new Linear(width, width, { std: residualStd(layers) });
    this.dropout = new Dropout(dropout);
    this.#heads = heads;
  }

  forward(x: Tensor): Tensor {
    return this.proj.forward(attention(this.qkv.forward(x), this.#heads, true, this.dropout.probability));
  }
}

class Mlp extends Module {
  fc1: Linear;
  fc2: Linear;

  constructor({ width, layers, mlpWidth = 4 * width }: GptConfig) {
    super();
    this.fc1 = new Linear(width, mlpWidth, { std: 0.02 });
    this.fc2 = new Linear(mlpWidth, width, { std: residualStd(layers) });
  }

  forward(x: Tensor): Tensor {
    return this.fc2.forward(gelu(this.fc1.forward(x)));
  }
}

/** Projections into the residual stream start smaller, since 2·layers of them add up (GPT-2, section 2.3). */
export function residualStd(layers: number): number {
  return 0.02 / Math.sqrt(2 * layers);
}
