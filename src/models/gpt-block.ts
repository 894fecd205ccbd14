import { Dropout, LayerNorm, Linear } from "../nn/layers.ts";
import { Module } from "../nn/module.ts";
import { attention, cat, gelu } from "../tensor/functions.generated.ts";
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
    if (context.cached && !this.attention.qkNorm) return this.#decode(x, context.cached);
    const attended = this.residualDropout.add(x, this.attention.forward(this.norm1.forward(x), context));
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
  /** Of queries and of keys, within each head. */
  qkNorm: [LayerNorm, LayerNorm] | undefined;
  dropout: Dropout;
  readonly #heads: number;

  constructor({ width, heads, layers, dropout, qkNorm }: GptConfig) {
    super();
    if (qkNorm) this.qkNorm = [new LayerNorm(width / heads), new LayerNorm(width / heads)];
    this.qkv = new Linear(width, 3 * width, { std: 0.02 });
    this.proj = new Linear(width, width, { std: residualStd(layers) });
    this.dropout = new Dropout(dropout);
    this.#heads = heads;
  }

  forward(x: Tensor, { cached }: BlockContext): Tensor {
    const qkv = this.#normed(this.qkv.forward(x)); // (B, T, 3C)
    if (cached) return this.proj.forward(cached.cache.attend(cached.layer, qkv));
    return this.proj.forward(attention(qkv, this.#heads, true, this.dropout.probability));
  }

  #normed(qkv: Tensor): Tensor {
    if (!this.qkNorm) return qkv;
    const [ofQueries, ofKeys] = this.qkNorm;
    const [q, k, v] = qkv.chunk(3, -1);
    if (!q || !k || !v) throw new Error("chunk gave fewer than three parts");
    const heads = (part: Tensor): Tensor => part.view([part.size(0), part.size(1), this.#heads, -1]); // (B, T, H, d)
    return cat([ofQueries.forward(heads(q)).flatten(2), ofKeys.forward(heads(k)).flatten(2), v], -1);
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
