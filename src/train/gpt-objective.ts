import type { GptObjective } from "../config.ts";
import type { Clip } from "../models/clip.ts";
import { clipInput } from "../models/clip-images.ts";
import type { Vqgan } from "../models/vqgan.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { contrastiveLoss, crossEntropy, embeddingLoss, reconstructionLoss } from "./losses.ts";

/**
 * What a prediction is compared with. L tokens, V codes, h·w = L, D width of CLIP's space.
 */
export type Prediction = {
  /** (B, L, V) */
  logits: Tensor;
  /** (B, L) int64: the picture's own tokens. */
  tokens: Tensor;
  /** (B, D), L2-normalised: the picture's embedding, without noise. */
  embedding: Tensor;
  /** (B, 3, H, W) in [−1, 1]: the picture; for the reconstruction term. */
  picture?: Tensor | undefined;
  /** (B, D): the captions' embeddings; for the contrastive term. */
  textEmbedding?: Tensor | undefined;
};

/** The frozen networks that some terms look through. */
export type Judges = { vqgan?: Vqgan | undefined; clip?: Clip | undefined; grid: readonly [number, number] };

/**
 * The weighted sum that the GPT minimises, and each of its terms by name (CLIP-GEN, section 3.2):
 * cross-entropy over tokens, and, where their weights are not 0, the reconstruction of the picture, the reconstruction
 * of its CLIP embedding, and the contrastive term between pictures and captions.
 */
export function gptObjective(
  prediction: Prediction,
  weights: GptObjective,
  judges: Judges,
): { loss: Tensor; terms: Record<string, Tensor> } {
  const { logits, tokens, embedding } = prediction;
  const terms: Record<string, { weight: number; term: Tensor }> = {
    cross_entropy: { weight: weights.crossEntropy, term: crossEntropy(logits, tokens) },
  };
  if (weights.reconstruction > 0 || weights.embedding > 0) {
    const drawn = decodeStraightThrough(logits, need(judges.vqgan, "a VQGAN"), judges.grid); // (B, 3, H, W)
    if (weights.reconstruction > 0) {
      const term = reconstructionLoss(drawn, need(prediction.picture, "the pictures"));
      terms["reconstruction"] = { weight: weights.reconstruction, term };
    }
    if (weights.embedding > 0) {
      const clip = need(judges.clip, "a CLIP");
      const seen = clip.encodeImage(clipInput(drawn, clip.config));
      const term = embeddingLoss(seen, embedding, weights.embeddingForm);
      terms["embedding"] = { weight: weights.embedding, term };
    }
  }
  if (weights.contrastive > 0) {
    const term = contrastiveLoss(embedding, need(prediction.textEmbedding, "captions"));
    terms["contrastive"] = { weight: weights.contrastive, term };
  }
  const loss = Object.values(terms)
    .map(({ weight, term }) => term.mul(weight))
    .reduce((sum, term) => sum.add(term));
  return { loss, terms: Object.fromEntries(Object.entries(terms).map(([name, { term }]) => [name, term])) };
}

/**
 * The picture of the likeliest tokens, (B, L, V) → (B, 3, H, W). Choosing has no gradient, so it flows straight through
 * to the probabilities: forwards one-hot, backwards softmax (Bengio et al. 2013; HFAiLab/clip-gen's `train_gpt.py`).
 */
export function decodeStraightThrough(logits: Tensor, vqgan: Vqgan, grid: readonly [number, number]): Tensor {
  const probabilities = logits.to("float32").softmax(-1);
  const chosen = logits.argmax(-1).oneHot(logits.size(-1)).to(probabilities.dtype);
  const choice = chosen.sub(probabilities).detach().add(probabilities); // (B, L, V)
  const latents = choice.matmul(vqgan.quantize.codebook()); // (B, L, embedDim)
  const [h, w] = grid;
  return vqgan.decodeLatent(latents.transpose(1, 2).reshape([latents.size(0), -1, h, w]));
}

function need<T>(value: T | undefined, what: string): T {
  if (value === undefined)
    throw new Error(`a term of this objective needs ${what}; give it, or set the term's weight to 0`);
  return value;
}
