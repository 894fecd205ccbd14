import type { EncodedSet } from "../data/encoded.ts";
import type { EncodedBatch } from "../data/encoded-batches.ts";
import type { Clip } from "../models/clip.ts";
import { clipInput } from "../models/clip-images.ts";
import { normalize } from "../nn/functional.ts";
import { Random } from "../random.ts";
import { noGrad } from "../tensor/autograd.ts";
import { keep, tidy } from "../tensor/scope.ts";
import { rand, randn } from "../tensor/functions.generated.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { GptStageOptions } from "./gpt.ts";

/**
 * normalize(e + σ u), u a random unit vector: a sentence's embedding lies at an angle to those of its pictures, and noise
 * makes the GPT draw from the neighbourhood too (LAFITE, arXiv 2111.13792, section 3.2; clip2latent). (B, D) → (B, D)
 */
export function addNoise(embedding: Tensor, sigma: number): Tensor {
  if (sigma === 0) return embedding;
  const noise = normalize(randn(embedding.shape, { device: embedding.device }));
  return normalize(embedding.add(noise, { alpha: sigma }));
}

/**
 * How far pictures lie from sentences on average: the mean of the pictures' unit embeddings less that of the sentences'
 * (C3, arXiv 2401.08567). No sentence needs to belong to a picture. (D). Dispose of it when done.
 */
export function meanShift({ embeddings, embedDim }: EncodedSet, sentences: Tensor): Tensor {
  const [rows, width] = [embeddings.length / embedDim, sentences.size(1)];
  if (width !== embedDim) throw new Error(`the sentences' embeddings have ${width} numbers, the pictures' ${embedDim}`);
  const pictures = new Float32Array(embedDim);
  for (const [i, value] of embeddings.entries()) pictures[i % embedDim] = (pictures[i % embedDim] ?? 0) + value / rows;
  return keep(noGrad(() => tidy(() => Tensor.from(pictures, [embedDim]).sub(sentences.mean([0])))));
}

/** Zeros in place of some conditions, so that the GPT also draws without one (Ho & Salimans 2022, guidance). */
export function dropConditions(condition: Tensor, share: number): Tensor {
  if (share === 0) return condition;
  const kept = rand([condition.size(0), 1], { device: condition.device }).ge(share);
  return condition.mul(kept.to(condition.dtype));
}

export type Learning = {
  clip: Clip;
  embed(batch: EncodedBatch, step: number): { embedding: Tensor; textEmbedding: Tensor };
};

/** With the contrastive term, CLIP is not frozen: embeddings come from the pictures and captions of every batch. */
export function learningClip({ config, clip, data }: GptStageOptions): Learning | undefined {
  const { captions } = data;
  if (config.objective.contrastive === 0 || !clip || !captions) return undefined;
  clip.train().setTrainable(true);
  return {
    clip,
    embed: ({ picture, indices }, step) => {
      if (!picture) throw new Error("the contrastive term needs the pictures");
      const random = new Random(config.seed, "captions", step);
      const chosen = Array.from(indices, (index) => random.pick(captions[index] ?? [""]));
      const embedding = normalize(clip.encodeImage(clipInput(picture, clip.config)));
      return { embedding, textEmbedding: clip.encodeText(clip.tokenize(chosen)) };
    },
  };
}

/** For the supervised bound: a caption's unit embedding, (B, D), in place of the picture's; another caption every time. */
export function captionConditions({
  clip,
  data,
  config,
}: GptStageOptions): (batch: EncodedBatch, step: number) => Tensor {
  const { captions } = data;
  if (!clip || !captions) {
    throw new Error("conditions from captions need a CLIP, and pictures that were encoded with captions");
  }
  return ({ indices }, step) => {
    const random = new Random(config.seed, "conditions", step);
    const chosen = Array.from(indices, (index) => random.pick(captions[index] ?? [""]));
    return noGrad(() => normalize(clip.encodeText(clip.tokenize(chosen))));
  };
}
