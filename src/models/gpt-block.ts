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
    const attended = this.residualDropout.add(x, this.attention.forward(this.norm1.forward(x), context));
    return this.residualDropout.add(attended, this.mlp.forward(this.norm2.forward(attended)));
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

  forward(x: Tensor, { cached }: BlockContext): Tensor {
    const qkv = this.qkv.forward(x);
    return this.proj.forward(attend(qkv, { heads: this.#heads, cached, dropout: this.dropout.probability }));
  }
}

/** Causal attention of (B, T, 3 · C), over what the cache has seen, too, where there is one → (B, T, C). */
export function attend(
  qkv: Tensor,
  options: { heads: number; cached: BlockContext["cached"]; dropout: number },
): Tensor {
  const { heads, cached, dropout } = options;
  return cached ? cached.cache.attend(cached.layer, qkv) : attention(qkv, heads, true, dropout);
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
