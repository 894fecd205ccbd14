import { cat, full } from "../tensor/functions.generated.ts";
import type { Parameter } from "../tensor/parameter.ts";
import { keep, tidy } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { mergeHeads, scaledDotProductAttention, splitHeads } from "../nn/attention.ts";
import { normal, withoutInit } from "../nn/init.ts";
import { Dropout, Embedding, LayerNorm, Linear } from "../nn/layers.ts";
import { Module } from "../nn/module.ts";
import { gptConfig, type GptConfig } from "./gpt-config.ts";
import { KvCache } from "./kv-cache.ts";
import { readConfig, readWeights, saveNetwork } from "./pretrained.ts";
import { sampleTokens, type SampleOptions } from "./sampling.ts";

const MODEL_TYPE = "clip_gen_gpt";

/**
 * GPT over image tokens, conditioned on one CLIP embedding (CLIP-GEN, arXiv 2203.00386, section 3.2).
 * Differs from GPT-2: the projected, L2-normalised embedding takes the place of the start token; the head has a bias
 * and is not tied to the token embedding; GELU is exact.
 *
 * B batch, T tokens so far, L tokens of a whole picture, C width, V codebook size, D embedding.
 */
export class Gpt extends Module {
  readonly config: GptConfig;
  tokenEmbedding: Embedding;
  positionEmbedding: Parameter;
  conditionProj: Linear;
  dropout: Dropout;
  blocks: Block[];
  norm: LayerNorm;
  head: Linear;
  #mask: Tensor;

  constructor(config: GptConfig) {
    super();
    const { codebookSize, tokenCount, conditionDim, layers, width } = config;
    if (width % config.heads !== 0) throw new Error(`width ${width} is no multiple of heads ${config.heads}`);
    this.config = config;
    this.tokenEmbedding = new Embedding(codebookSize, width, { std: 0.02 });
    this.positionEmbedding = normal([tokenCount, width], 0.02);
    this.conditionProj = new Linear(conditionDim, width, { std: 0.02 });
    this.dropout = new Dropout(config.dropout);
    this.blocks = Array.from({ length: layers }, () => new Block(config));
    this.norm = new LayerNorm(width);
    this.head = new Linear(width, codebookSize, { std: 0.02 });
    // 0 where a position may look, −∞ at what comes after it.
    this.#mask = keep(tidy(() => full([tokenCount, tokenCount], -Infinity).triu(1)));
  }

  /** Reads a folder that `savePretrained` wrote. */
  static async fromPretrained(folder: string): Promise<Gpt> {
    const config = readConfig(folder, { modelType: MODEL_TYPE, schema: gptConfig });
    const gpt = withoutInit(() => new Gpt(config));
    tidy(() => gpt.loadStateDict(readWeights(folder)));
    return gpt.eval();
  }

  async savePretrained(folder: string, options: { dtype?: "float32" | "bfloat16" } = {}): Promise<void> {
    saveNetwork(folder, { modelType: MODEL_TYPE, config: this.config, module: this, ...options });
  }

  /**
   * Draws the tokens of whole pictures: (B, D) → (B, L) int64. `sampleTokens` gives them position by position.
   * Dispose of the tensor when done.
   */
  async sample(condition: Tensor, options: SampleOptions = {}): Promise<Tensor> {
    const columns: number[][] = [];
    for await (const tokens of sampleTokens(this, condition, options)) columns.push(tokens);
    const shape = [columns.length, condition.size(0)];
    return keep(tidy(() => Tensor.from(columns.flat(), shape, "int64").t().contiguous().to(condition.device)));
  }

  /**
   * Logits of every next token: position t sees the condition and the tokens before t.
   * With a cache, `tokens` are only those that it has not seen, and the condition goes with the first call.
   * @param tokens (B, T) int64
   * @param condition (B, D), L2-normalised; left out once the cache has seen it
   * @returns (B, T + 1, V) float32; (B, T, V) without a condition
   * @throws RangeError when there are more tokens than positions
   */
  forward(tokens: Tensor, condition: Tensor | undefined, cache?: KvCache): Tensor {
    const seen = cache?.length ?? 0;
    const embedded = this.tokenEmbedding.forward(tokens); // (B, T, C)
    let x = condition ? cat([this.conditionProj.forward(condition).unsqueeze(1), embedded], 1) : embedded;
    const length = x.size(1);
    if (seen + length > this.config.tokenCount) {
      throw new RangeError(`${seen + length} positions asked of a GPT that has ${this.config.tokenCount}`);
    }
    x = this.dropout.forward(x.add(this.positionEmbedding.narrow(0, seen, length))).to(this.computeDtype);
    this.#mask = keep(this.#mask.to(x.device));
    const mask = this.#mask.narrow(0, seen, length).narrow(1, 0, seen + length); // (T, S)
    for (const [layer, block] of this.blocks.entries()) {
      // What autograd does not need of a block goes at once: a sixth of a step's memory, half of its page faults.
      x = tidy(() => block.forward(x, mask, cache && { cache, layer }));
    }
    cache?.advance(length);
    return this.head.forward(this.norm.forward(x)).to("float32");
  }

  override dispose(): void {
    super.dispose();
    this.#mask.dispose();
  }

  /** An empty cache for a batch of this size. */
  createCache(batch: number): KvCache {
    const { layers, heads, width, tokenCount } = this.config;
    return new KvCache({
      batch,
      layers,
      heads,
      length: tokenCount,
      headWidth: width / heads,
      dtype: this.computeDtype,
      device: this.positionEmbedding.device,
    });
  }
}

type Cached = { cache: KvCache; layer: number } | undefined;

/** Pre-norm transformer block (GPT-2). */
class Block extends Module {
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

  forward(x: Tensor, mask: Tensor, cached: Cached): Tensor {
    const attended = x.add(this.attention.forward(this.norm1.forward(x), mask, cached));
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

  forward(x: Tensor, mask: Tensor, cached: Cached): Tensor {
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

  constructor({ width, layers, dropout }: GptConfig) {
    super();
    this.fc1 = new Linear(width, 4 * width, { std: 0.02 });
    this.fc2 = new Linear(4 * width, width, { std: residualStd(layers) });
    this.dropout = new Dropout(dropout);
  }

  forward(x: Tensor): Tensor {
    return this.dropout.forward(this.fc2.forward(this.fc1.forward(x).gelu()));
  }
}

/** Projections into the residual stream start smaller, since 2·layers of them add up (GPT-2, section 2.3). */
function residualStd(layers: number): number {
  return 0.02 / Math.sqrt(2 * layers);
}
