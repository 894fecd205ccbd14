import { cat, zeros } from "../tensor/functions.generated.ts";
import type { Parameter } from "../tensor/parameter.ts";
import { keep, tidy } from "../tensor/scope.ts";
import { Tensor, type Device } from "../tensor/tensor.ts";
import { normal, shapesOnly } from "../nn/init.ts";
import { Dropout, Embedding, LayerNorm, Linear } from "../nn/layers.ts";
import { normalize } from "../nn/functional.ts";
import { Module } from "../nn/module.ts";
import { Block, type BlockContext } from "./gpt-block.ts";
import { GPT_MODEL_TYPE, readGpt, type GptHints } from "./formats/gpt.ts";
import type { GptConfig } from "./gpt-config.ts";
import { KvCache } from "./kv-cache.ts";
import { ConditionMlp, LlamaBlock, RmsNorm, Rotation } from "./llama-block.ts";
import { saveNetwork, type LoadOptions, type SaveOptions } from "./pretrained.ts";
import { sampleTokens, type SampleOptions } from "./sampling.ts";

const MOST_POSITIONS = 16_384;
/** τ of `conditionOfText`: only pictures that are nearly as close as the closest count. */
const MEMORY_TEMPERATURE = 0.01;
/** τ of `agreement`: some more count, since one alone always agrees with itself. */
const AGREEMENT_TEMPERATURE = 0.02;

export type PassOptions = {
  cache?: KvCache | undefined;
  /** (L) int64 */
  order?: Tensor | undefined;
};

/**
 * GPT over image tokens, conditioned on one CLIP embedding (CLIP-GEN, arXiv 2203.00386, section 3.2).
 * Differs from GPT-2: the projected, L2-normalised embedding takes the place of the start token; the head has a bias
 * and is not tied to the token embedding; GELU is exact. The configuration also describes published relatives:
 * the transformer of taming-transformers and LlamaGen (`llama-block.ts`).
 *
 * B batch, T tokens so far, L tokens of a whole picture, C width, V codebook size, D embedding, P vectors of a condition.
 */
export class Gpt extends Module {
  readonly config: GptConfig;
  tokenEmbedding: Embedding;
  positionEmbedding: Parameter | undefined;
  /** (L, C): where tokens come in any order, the place of the one to be predicted (RAR, arXiv 2411.00776, section 3.2). */
  targetEmbedding: Parameter | undefined;
  conditionProj: Linear | ConditionMlp | undefined;
  /** (P, D): the condition of pictures without one, where the network has learned it. */
  nullCondition: Tensor | undefined;
  /** (D): mean embedding of pictures, less that of sentences; see `conditionOfText`. */
  textShift: Tensor | undefined;
  /** (M, D): unit embeddings of training pictures; see `conditionOfText`. */
  memory: Tensor | undefined;
  dropout: Dropout;
  blocks: Block[] | LlamaBlock[];
  norm: LayerNorm | RmsNorm;
  head: Linear;
  #rotation: Rotation | undefined;

  constructor(config: GptConfig) {
    super();
    const { codebookSize, layers, width } = config;
    if (width % config.heads !== 0) throw new Error(`width ${width} is no multiple of heads ${config.heads}`);
    this.config = config;
    // A file may claim any number.
    if (this.positions > MOST_POSITIONS) {
      throw new RangeError(`a GPT of ${this.positions} positions: at most ${MOST_POSITIONS} are supported`);
    }
    this.tokenEmbedding = new Embedding(codebookSize, width, { std: 0.02 });
    this.conditionProj = conditionProj(config);
    this.dropout = new Dropout(config.dropout);
    if (config.learnedNull) this.nullCondition = keep(zeros([this.conditionLength, config.conditionDim]));
    if (config.textShift) this.textShift = keep(zeros([config.conditionDim]));
    if (config.memorySize !== undefined) this.memory = keep(zeros([config.memorySize, config.conditionDim]));
    if (config.architecture === "llama") {
      this.blocks = Array.from({ length: layers }, () => new LlamaBlock(config));
      this.norm = new RmsNorm(width);
      this.#rotation = new Rotation(config, this.conditionLength);
    } else {
      // In any order, the picture's last token may also be one that goes in.
      this.positionEmbedding = normal([this.positions + (config.anyOrder ? 1 : 0), width], 0.02);
      if (config.anyOrder) {
        if (this.conditionLength !== 1) throw new Error("tokens in any order need a condition of one vector");
        this.targetEmbedding = normal([config.tokenCount, width], 0.02);
      }
      this.blocks = Array.from({ length: layers }, () => new Block(config));
      this.norm = new LayerNorm(width);
    }
    this.head = new Linear(width, codebookSize, { std: 0.02, bias: config.headBias ?? true });
  }

  /** P */
  get conditionLength(): number {
    return this.config.conditionLength ?? 1;
  }

  /** How many vectors go in for a whole picture: the condition, and all tokens but the last. */
  get positions(): number {
    return this.conditionLength + this.config.tokenCount - 1;
  }

  get device(): Device {
    return this.head.weight.device;
  }

  /**
   * Reads a folder that `savePretrained` wrote, or a published GPT's weights file; `formats/gpt.ts` tells which.
   * @throws Error that lists every name and shape that does not fit
   */
  static async fromPretrained(path: string, options: LoadOptions & GptHints = {}): Promise<Gpt> {
    const { config, weights } = readGpt(path, options);
    const gpt = shapesOnly(() => new Gpt(config));
    gpt.loadWeights(weights, options);
    return gpt.eval();
  }

  async savePretrained(folder: string, options: SaveOptions = {}): Promise<void> {
    saveNetwork(folder, { modelType: GPT_MODEL_TYPE, config: this.config, module: this, ...options });
  }

  /** What stands for "no condition" in guidance: the learned one, or zeros as in training where embeddings are dropped. */
  freeCondition(like: Tensor): Tensor {
    return this.nullCondition?.view(like.shape.slice(1)).to(like.dtype).expand(like.shape) ?? like.zerosLike();
  }

  /**
   * Unit embeddings of sentences to what the GPT draws from. (N, D) → (N, D), units again:
   * moved by how far pictures lie from sentences on average, where it has learned that (C3, arXiv 2401.08567);
   * then to the mean of the pictures that it remembers, each with the weight exp(cosine / τ), where it remembers some (DeCap,
   * arXiv 2303.03032).
   */
  conditionOfText(embedding: Tensor): Tensor {
    const moved = this.#movedText(embedding);
    return this.memory ? normalize(lookedUp(moved, this.memory, MEMORY_TEMPERATURE)) : moved;
  }

  /**
   * How alike the pictures are that sentences find in the memory: the length of their weighted mean, 1 where a sentence finds one
   * picture or some that are all the same, less where it finds what has nothing in common: it then hardly knows what is asked for.
   * (N, D) → (N)
   * @throws Error without a memory
   */
  agreement(embedding: Tensor): Tensor {
    if (!this.memory) throw new Error("the GPT remembers no pictures (train gpt --memory)");
    const mean = lookedUp(this.#movedText(embedding), this.memory, AGREEMENT_TEMPERATURE);
    return mean.mul(mean).sum([1]).sqrt();
  }

  #movedText(embedding: Tensor): Tensor {
    return this.textShift ? normalize(embedding.add(this.textShift.to(embedding.dtype))) : embedding;
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
   * @param condition (B, D), L2-normalised, or (B, P, D); left out once the cache has seen it
   * @param options.order which place of the picture each of the L tokens has, where they do not come row by row
   * @returns (B, T + P, V) in the compute dtype; (B, T, V) without a condition
   * @throws RangeError when there are more tokens than positions
   */
  forward(tokens: Tensor, condition: Tensor | undefined, { cache, order }: PassOptions = {}): Tensor {
    let x = this.embed(tokens, condition, { seen: cache?.length, order });
    const context = this.blockContext(x, cache?.length);
    for (const [layer, block] of this.blocks.entries()) {
      // What autograd does not need of a block goes at once: a sixth of a step's memory, half of its page faults.
      x = tidy(() => block.forward(x, { ...context, cached: cache && { cache, layer } }));
    }
    cache?.advance(x.size(1));
    return this.predict(x);
  }

  /** What goes into the first block, in the compute dtype: condition, tokens and their positions → (B, P + T, C) */
  embed(
    tokens: Tensor,
    condition: Tensor | undefined,
    { seen = 0, order }: { seen?: number | undefined; order?: Tensor | undefined } = {},
  ): Tensor {
    const embedded = this.tokenEmbedding.forward(tokens); // (B, T, C)
    let x = condition ? cat([this.#project(condition), embedded], 1) : embedded;
    const length = x.size(1);
    if (seen + length > this.positions) {
      throw new RangeError(`${seen + length} positions asked of a GPT that has ${this.positions}`);
    }
    const positions = this.#positions(order, { seen, length });
    if (positions) x = x.add(positions.to("float32"));
    return this.dropout.forward(x).to(this.computeDtype);
  }

  /**
   * What tells the places of the vectors that go in, (T, C): of the condition and of tokens; and, where tokens come in any
   * order, of the token that is to be predicted.
   */
  #positions(order: Tensor | undefined, { seen, length }: { seen: number; length: number }): Tensor | undefined {
    const { positionEmbedding: own, targetEmbedding: next } = this;
    if (order && (!next || !own)) throw new Error("this GPT knows tokens row by row only; anyOrder is off");
    if (!own) return undefined;
    if (!next) return own.narrow(0, seen, length);
    if (!order) return own.narrow(0, seen, length).add(next.narrow(0, seen, length));
    const places = cat([order.narrow(0, 0, 1).zerosLike(), order.narrow(0, 0, length - 1).add(1)]);
    return own.indexSelect(0, places).add(next.indexSelect(0, order.narrow(0, 0, length)));
  }

  /** What all blocks get beside their input (B, T, C), whose first position is number `start`. */
  blockContext(x: Tensor, start = 0): BlockContext {
    return { cached: undefined, rotation: this.#rotation?.at({ start, length: x.size(1) }, x) };
  }

  /** What comes out of the last block → logits (B, T, V) in the compute dtype */
  predict(x: Tensor): Tensor {
    return this.head.forward(this.norm.forward(x));
  }

  override dispose(): void {
    super.dispose();
    this.#rotation?.dispose();
  }

  /** (B, D) or (B, P, D) → (B, P, C) */
  #project(condition: Tensor): Tensor {
    const vectors = condition.shape.length === 2 ? condition.unsqueeze(1) : condition;
    return this.conditionProj?.forward(vectors) ?? vectors;
  }

  /** An empty cache for a batch of this size. */
  createCache(batch: number): KvCache {
    const { layers, heads, width } = this.config;
    return new KvCache({
      batch,
      layers,
      heads,
      length: this.positions,
      headWidth: width / heads,
      dtype: this.computeDtype,
      device: this.device,
    });
  }
}

function conditionProj({ conditionDim, width, conditionProj: kind = "linear" }: GptConfig): Gpt["conditionProj"] {
  switch (kind) {
    case "linear":
    case "table":
      return new Linear(conditionDim, width, { std: 0.02, bias: kind === "linear" });
    case "mlp":
      return new ConditionMlp(conditionDim, width);
    case "none":
      if (conditionDim !== width)
        throw new Error(`a condition of ${conditionDim} numbers does not fit a width of ${width}`);
      return undefined;
  }
}

/** The mean of a memory, (M, D), each row with the weight exp(cosine / τ): (N, D) → (N, D), no units. */
function lookedUp(embedding: Tensor, memory: Tensor, temperature: number): Tensor {
  const known = memory.to(embedding.dtype);
  return embedding.matmul(known.t()).div(temperature).softmax(-1).matmul(known);
}
