import type { Clip } from "../models/clip.ts";
import { normalize } from "../nn/functional.ts";
import { noGrad } from "../tensor/autograd.ts";
import { cat } from "../tensor/functions.generated.ts";
import { keep, tidy } from "../tensor/scope.ts";
import { Tensor, type Device } from "../tensor/tensor.ts";
import type { Networks } from "./decode.ts";

const TEXTS_AT_ONCE = 256;

/**
 * Sentences to unit embeddings: (N, D) float32, on CLIP's device where no other is asked for. A sentence that is longer than
 * CLIP's context is cut. Dispose of it when done.
 */
export function embedTexts(clip: Clip, texts: readonly string[], device: Device = clip.logitScale.device): Tensor {
  return keep(noGrad(() => tidy(() => textEmbeddings(clip, texts).to(device))));
}

/** Sentences to what a model draws from: (N, D) float32 on the CPU. Dispose of it when done. */
export function textConditions({ clip, gpt }: Conditioning, texts: readonly string[]): Tensor {
  return keep(noGrad(() => tidy(() => gpt.conditionOfText(textEmbeddings(clip, texts)).to("cpu"))));
}

function textEmbeddings(clip: Clip, texts: readonly string[]): Tensor {
  const parts: Tensor[] = [];
  for (let start = 0; start < texts.length; start += TEXTS_AT_ONCE) {
    const some = texts.slice(start, start + TEXTS_AT_ONCE);
    const tokens = clip.tokenize(some).to(clip.logitScale.device);
    parts.push(tidy(() => normalize(clip.encodeText(tokens)).to("float32")));
  }
  return cat(parts);
}

/** Something that has an embedding, and its share of the condition: a sentence's token ids, or a picture's file or bytes. */
export type Subject = { weight: number } & ({ ids: readonly number[] } | { picture: string | Uint8Array });

/** What turns sentences and pictures into conditions. */
type Conditioning = Pick<Networks, "clip" | "gpt">;

/** The weighted sum of the subjects' conditions, made a unit again: (1, D). Dispose of it when done. */
export async function embedSubjects(networks: Conditioning, subjects: readonly Subject[]): Promise<Tensor> {
  const embeddings: Tensor[] = [];
  try {
    for (const subject of subjects) embeddings.push(await embedSubject(networks, subject));
    const weights = subjects.map(({ weight }) => weight);
    return keep(noGrad(() => tidy(() => blendEmbeddings(embeddings, weights))));
  } finally {
    for (const embedding of embeddings) embedding.dispose();
  }
}

/** A subject's condition, whatever its weight: (1, D). Dispose of it when done. */
export async function embedSubject(networks: Conditioning, subject: Subject): Promise<Tensor> {
  return "ids" in subject ? embedTokens(networks, subject.ids) : await embedPicture(networks.clip, subject.picture);
}

/** The weighted sum of embeddings (1, D), made a unit: (1, D). */
export function blendEmbeddings(embeddings: readonly Tensor[], weights: readonly number[]): Tensor {
  const weighted = embeddings.map((embedding, i) => embedding.mul(weights[i] ?? 0));
  return normalize(cat(weighted).sum([0], true));
}

/** One sentence's token ids to its condition: (1, D). Dispose of it when done. */
export function embedTokens({ clip, gpt }: Conditioning, ids: readonly number[]): Tensor {
  return keep(
    noGrad(() =>
      tidy(() => {
        const tokens = Tensor.from(ids, [1, ids.length], "int64").to(clip.logitScale.device);
        return gpt.conditionOfText(normalize(clip.encodeText(tokens)));
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
