import type { Clip } from "../models/clip.ts";
import { normalize } from "../nn/functional.ts";
import { noGrad } from "../tensor/autograd.ts";
import { cat } from "../tensor/functions.generated.ts";
import { keep, tidy } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";

/** Sentences to unit embeddings: (N, D). A sentence that is longer than CLIP's context is cut. Dispose of it when done. */
export function embedTexts(clip: Clip, texts: readonly string[]): Tensor {
  return keep(noGrad(() => tidy(() => normalize(clip.encodeText(clip.tokenize(texts))))));
}

/** Something that has an embedding, and its share of the condition: a sentence's token ids, or a picture's file or bytes. */
export type Subject = { weight: number } & ({ ids: readonly number[] } | { picture: string | Uint8Array });

/** The weighted sum of the subjects' unit embeddings, made a unit again: (1, D). Dispose of it when done. */
export async function embedSubjects(clip: Clip, subjects: readonly Subject[]): Promise<Tensor> {
  const embeddings: Tensor[] = [];
  try {
    for (const subject of subjects) embeddings.push(await embedSubject(clip, subject));
    const weights = subjects.map(({ weight }) => weight);
    return keep(noGrad(() => tidy(() => blendEmbeddings(embeddings, weights))));
  } finally {
    for (const embedding of embeddings) embedding.dispose();
  }
}

/** A subject's unit embedding, whatever its weight: (1, D). Dispose of it when done. */
export async function embedSubject(clip: Clip, subject: Subject): Promise<Tensor> {
  return "ids" in subject ? embedTokens(clip, subject.ids) : await embedPicture(clip, subject.picture);
}

/** The weighted sum of embeddings (1, D), made a unit: (1, D). */
export function blendEmbeddings(embeddings: readonly Tensor[], weights: readonly number[]): Tensor {
  const weighted = embeddings.map((embedding, i) => embedding.mul(weights[i] ?? 0));
  return normalize(cat(weighted).sum([0], true));
}

/** One sentence's token ids to its unit embedding: (1, D). Dispose of it when done. */
export function embedTokens(clip: Clip, ids: readonly number[]): Tensor {
  return keep(
    noGrad(() =>
      tidy(() => {
        const tokens = Tensor.from(ids, [1, ids.length], "int64").to(clip.logitScale.device);
        return normalize(clip.encodeText(tokens));
      }),
    ),
  );
}

/** A picture's file or its bytes to its unit embedding: (1, D). Dispose of it when done. */
export async function embedPicture(clip: Clip, picture: string | Uint8Array): Promise<Tensor> {
  // Only pictures need what reads them, and it takes a while to load.
  const { clipPreprocess } = await import("../data/clip-preprocess.ts");
  const input = await clipPreprocess(picture, clip.config);
  try {
    return keep(noGrad(() => tidy(() => normalize(clip.encodeImage(input.to(clip.logitScale.device))))));
  } finally {
    input.dispose();
  }
}
