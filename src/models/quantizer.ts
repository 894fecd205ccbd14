import { normal, uniform, withoutInit } from "../nn/init.ts";
import { Conv2d, Embedding, Linear } from "../nn/layers.ts";
import { Module } from "../nn/module.ts";
import { noGrad } from "../tensor/autograd.ts";
import { cat, embedding, randint, where } from "../tensor/functions.generated.ts";
import type { Generator } from "../tensor/random.ts";
import { tidy } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";

/**
 * Vector quantisation with a straight-through gradient (van den Oord et al., arXiv 1711.00937), as `VectorQuantizer2` of
 * CompVis/taming-transformers. B batch, h×w grid of tokens, K codes of C numbers, N = B·h·w.
 */
export type QuantizerConfig = {
  /** K */
  codebookSize: number;
  /** C */
  embedDim: number;
  /** Weight of one of the two terms of the loss; 0.25 in the papers. */
  beta: number;
  /** Whether beta weighs the codebook term, as in taming-transformers by default; false: the commitment term, as in the paper. */
  legacy: boolean;
  /** Codes and latents on the unit sphere (ViT-VQGAN, arXiv 2110.04627; LlamaGen). */
  normalizeCodebook: boolean;
  /** How a code is found: the nearest one, or the likeliest one as in taming-transformers' `GumbelVQ`. */
  quantizer: "nearest" | "gumbel";
  /** Weight of the divergence in the loss of a Gumbel quantizer. */
  klWeight: number;
  /** The gradient is turned with the latent instead of copied (Fifty et al., arXiv 2410.06424). */
  rotationTrick: boolean;
  /** The codebook is a fixed random one times a matrix that learns, so that all codes move together (SimVQ, arXiv 2411.02038). */
  simVq: boolean;
};

/** What quantisation gives: codes in place of latents, their numbers, and a loss that pulls both together. */
export type Quantized = {
  /** (B, C, h, w); its gradient flows on to the latents. */
  zQ: Tensor;
  /** (B, h, w) int64 */
  indices: Tensor;
  /** Scalar. */
  loss: Tensor;
};

// Rows of latents whose distances to all codes are in memory at the same time: 256 MiB with 16,384 codes.
const ROWS_AT_ONCE = 4096;

export class VectorQuantizer extends Module {
  embedding: Embedding;
  /** SimVQ's matrix. */
  embeddingProj: Linear | undefined;
  readonly #config: QuantizerConfig;

  constructor(config: QuantizerConfig) {
    super();
    const { codebookSize, embedDim, simVq } = config;
    this.#config = config;
    this.embedding = withoutInit(() => new Embedding(codebookSize, embedDim));
    this.embedding.weight.dispose();
    if (simVq) {
      this.embedding.weight = normal([codebookSize, embedDim], embedDim ** -0.5).setRequiresGrad(false);
      this.embeddingProj = new Linear(embedDim, embedDim);
    } else this.embedding.weight = uniform([codebookSize, embedDim], 1 / codebookSize);
  }

  /** @param z (B, C, h, w); computed in float32, whatever it comes in */
  forward(z: Tensor): Quantized {
    const [batch, height, width] = [z.size(0), z.size(2), z.size(3)];
    const { beta, legacy, rotationTrick } = this.#config;
    const latents = this.#latents(z); // (N, C)
    const codebook = this.codebook(); // (K, C)
    const nearest = noGrad(() => nearestCodes(latents, codebook)); // (N)
    const codes = embedding(codebook, nearest); // (N, C)

    const commitment = latents.mseLoss(codes.detach());
    const codebookLoss = codes.mseLoss(latents.detach());
    const loss = legacy ? commitment.add(codebookLoss.mul(beta)) : codebookLoss.add(commitment.mul(beta));

    const passed = rotationTrick ? rotate(latents, codes.detach()) : straightThrough(latents, codes);
    const zQ = passed.view([batch, height, width, -1]).permute([0, 3, 1, 2]).contiguous(); // (B, C, h, w)
    return { zQ, indices: nearest.view([batch, height, width]), loss };
  }

  /** Numbers of codes (B, h, w) → their vectors (B, C, h, w), without a gradient to any latent. */
  lookup(indices: Tensor): Tensor {
    return embedding(this.codebook(), indices).permute([0, 3, 1, 2]).contiguous();
  }

  /** How often each code is among the indices: (K) int64. Sums of these over some steps tell which codes are dead. */
  usage(indices: Tensor): Tensor {
    return indices.flatten().bincount(undefined, this.#config.codebookSize);
  }

  /**
   * Puts every code that was not used at the place of a latent drawn at random, so that it has a chance to be the nearest
   * one (as in Jukebox, arXiv 2005.00341, section 3.1). With no code used at all this starts the codebook from data.
   * @param z (B, C, h, w), what `forward` takes
   * @param used (K) how often each code was used lately
   * @returns how many codes were moved; none where they only move together (`simVq`)
   */
  reviveDeadCodes(z: Tensor, used: Tensor, generator: Generator): number {
    if (this.embeddingProj) return 0;
    return noGrad(() =>
      tidy(() => {
        const latents = this.#latents(z);
        const { weight } = this.embedding;
        const drawn = randint(0, latents.size(0), [weight.size(0)], { generator, device: z.device });
        const dead = used.eq(0); // (K)
        weight.copy_(where(dead.unsqueeze(1), latents.indexSelect(0, drawn.to("int64")), weight));
        return dead.sum().item();
      }),
    );
  }

  #latents(z: Tensor): Tensor {
    const rows = z.to("float32").permute([0, 2, 3, 1]).reshape([-1, this.#config.embedDim]);
    return this.#config.normalizeCodebook ? unit(rows) : rows;
  }

  /** The vectors that the codes stand for, (K, C). */
  codebook(): Tensor {
    const weight = this.embedding.weight.to("float32");
    const vectors = this.embeddingProj?.forward(weight) ?? weight;
    return this.#config.normalizeCodebook ? unit(vectors) : vectors;
  }
}

/**
 * Quantisation by the likeliest code: a convolution gives every position a logit for each code. What a trained
 * `GumbelVQ` of CompVis/taming-transformers does (there in evaluation with noise, here without); it is not trained here.
 */
export class GumbelQuantizer extends Module {
  proj: Conv2d;
  embed: Embedding;
  readonly #klWeight: number;

  constructor({ codebookSize, embedDim, klWeight }: QuantizerConfig) {
    super();
    this.proj = new Conv2d(embedDim, codebookSize, { kernelSize: 1 });
    this.embed = new Embedding(codebookSize, embedDim);
    this.#klWeight = klWeight;
  }

  /** @param z (B, C, h, w); the loss is the weighted divergence from an even use of all codes */
  forward(z: Tensor): Quantized {
    if (this.training) throw new Error("a VQGAN with a Gumbel quantizer can be used, but not trained; call eval()");
    const logits = this.proj.forward(z.to("float32")); // (B, K, h, w)
    const indices = logits.argmax(1); // (B, h, w)
    const q = logits.softmax(1);
    const divergence = q
      .mul(q.mul(logits.size(1)).add(1e-10).log())
      .sum([1])
      .mean();
    return { zQ: this.lookup(indices), indices, loss: divergence.mul(this.#klWeight) };
  }

  /** Numbers of codes (B, h, w) → their vectors (B, C, h, w). */
  lookup(indices: Tensor): Tensor {
    return this.embed.forward(indices).permute([0, 3, 1, 2]).contiguous();
  }

  /** The vectors that the codes stand for, (K, C). */
  codebook(): Tensor {
    return this.embed.weight.to("float32");
  }
}

/**
 * The code with the smallest ‖z − e‖² = ‖z‖² + ‖e‖² − 2 z·e for every row; ‖z‖² is the same for all codes and left out.
 * Latents (N, C) and codebook (K, C) → (N) int64
 */
export function nearestCodes(latents: Tensor, codebook: Tensor): Tensor {
  return tidy(() => {
    const lengths = codebook.square().sum(1); // (K)
    const transposed = codebook.t();
    const parts = latents
      .split(ROWS_AT_ONCE)
      .map((rows) => tidy(() => lengths.sub(rows.matmul(transposed), { alpha: 2 }).argmin(1)));
    return cat(parts);
  });
}

/** The codes forwards; backwards as if the latents had passed unchanged. */
function straightThrough(latents: Tensor, codes: Tensor): Tensor {
  return latents.add(codes.sub(latents).detach());
}

/**
 * The codes forwards, as the latents turned and stretched onto them; backwards the same turn and stretch, taken as
 * constant, so that the angle between gradient and code becomes the angle between gradient and latent.
 * Turn = I − 2 r rᵀ + 2 q̂ ẑᵀ with r = (ẑ + q̂) / ‖ẑ + q̂‖ (arXiv 2410.06424, section 4.2).
 */
function rotate(latents: Tensor, codes: Tensor): Tensor {
  const fixed = latents.detach();
  const from = unit(fixed); // ẑ
  const onto = unit(codes); // q̂
  const r = unit(from.add(onto));
  const along = (direction: Tensor): Tensor => latents.mul(direction).sum(1, true); // (N, 1)
  const turned = latents.sub(along(r).mul(r), { alpha: 2 }).add(along(from).mul(onto), { alpha: 2 });
  return turned.mul(length(codes).div(length(fixed)));
}

function unit(rows: Tensor): Tensor {
  return rows.div(length(rows));
}

/** Length of every row, never zero. */
function length(rows: Tensor): Tensor {
  return rows.vectorNorm(2, 1, true).clamp(1e-12);
}
