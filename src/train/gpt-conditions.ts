import type { EncodedSet } from "../data/encoded.ts";
import { gather, spread } from "../data/rows.ts";
import type { EncodedBatch } from "../data/encoded-batches.ts";
import type { Clip } from "../models/clip.ts";
import { clipInput } from "../models/clip-images.ts";
import { normalize } from "../nn/functional.ts";
import { Random } from "../random.ts";
import { noGrad } from "../tensor/autograd.ts";
import { keep, tidy } from "../tensor/scope.ts";
import { arange } from "../tensor/functions.generated.ts";
import { Tensor, type Device } from "../tensor/tensor.ts";
import type { GptStageOptions } from "./gpt.ts";
import { randintRows, randnRows, randRows } from "./step-random.ts";

/**
 * normalize(e + σ u), u a random unit vector: a sentence's embedding lies at an angle to those of its pictures, and noise
 * makes the GPT draw from the neighbourhood too (LAFITE, arXiv 2111.13792, section 3.2; clip2latent). (B, D) → (B, D)
 */
export function addNoise(embedding: Tensor, sigma: number): Tensor {
  if (sigma === 0) return embedding;
  const noise = normalize(randnRows(embedding.shape, { device: embedding.device }));
  return normalize(embedding.add(noise, { alpha: sigma }));
}

/** Embeddings among which neighbours are looked for: all, or as many that lie evenly apart. */
const MOST_KNOWN = 32_768;

/** Conditions from amid a picture's neighbours. */
export class Neighbourhood {
  /** (M, D) */
  readonly #known: Tensor;
  readonly #most: number;

  /** @param options.most how many neighbours at most */
  constructor(data: EncodedSet, { most, device }: { most: number; device: Device }) {
    this.#known = keep(tidy(() => someEmbeddings(data, MOST_KNOWN).to(device)));
    this.#most = Math.min(most, this.#known.size(0));
  }

  /**
   * normalize(e + the k embeddings nearest to e), k from 0 to `most` by chance: a sentence leaves open much of what a picture
   * shows, and lies amid the pictures that it fits. Where that is takes no caption to know. (B, D) → (B, D)
   */
  around(embedding: Tensor): Tensor {
    const [rows, width, most] = [embedding.size(0), embedding.size(1), this.#most];
    const [, indices] = embedding.matmul(this.#known.t()).topk(most); // (B, K)
    const nearest = this.#known.indexSelect(0, indices.flatten()).view([rows, most, width]);
    const counts = randintRows(most + 1, [rows, 1], { device: embedding.device });
    const taken = arange(0, most, 1, { device: embedding.device }).lt(counts); // (B, K)
    return normalize(nearest.mul(taken.unsqueeze(2).to(embedding.dtype)).sum([1]).add(embedding));
  }
}

/** At most so many of the pictures' unit embeddings, evenly apart: (M, D). Dispose of it when done. */
export function someEmbeddings({ embeddings, embedDim }: EncodedSet, most: number): Tensor {
  const rows = spread(embeddings.length / embedDim, most);
  const some = gather(new Float32Array(rows.length * embedDim), embeddings, rows);
  return Tensor.from(some, [rows.length, embedDim]);
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
  const kept = randRows([condition.size(0), 1], { device: condition.device }).ge(share);
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
    embed: (batch, step) => {
      const { picture } = batch;
      if (!picture) throw new Error("the contrastive term needs the pictures");
      const chosen = chosenCaptions(captions, batch, { seed: config.seed, step });
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
  return (batch, step) => {
    const chosen = chosenCaptions(captions, batch, { seed: config.seed, step });
    return noGrad(() => normalize(clip.encodeText(clip.tokenize(chosen))));
  };
}

/** One of each picture's captions, another one every time. */
function chosenCaptions(
  captions: readonly (readonly string[])[],
  { indices, firstRow }: EncodedBatch,
  { seed, step }: { seed: number; step: number },
): string[] {
  return Array.from(indices, (index, row) =>
    new Random(seed, "captions", step, firstRow + row).pick(captions[index] ?? [""]),
  );
}
