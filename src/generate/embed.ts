import type { Clip } from "../models/clip.ts";
import type { Gpt } from "../models/gpt.ts";
import { normalize } from "../nn/functional.ts";
import { noGrad } from "../tensor/autograd.ts";
import { cat } from "../tensor/functions.generated.ts";
import { keep, tidy } from "../tensor/scope.ts";
import { Tensor, type Device } from "../tensor/tensor.ts";
import type { Networks } from "./decode.ts";
import { Targets } from "./targets.ts";

const TEXTS_AT_ONCE = 256;

/**
 * Sentences to unit embeddings: (N, D) float32, on CLIP's device where no other is asked for. A sentence that is longer than
 * CLIP's context is cut. Dispose of it when done.
 */
export function embedTexts(clip: Clip, texts: readonly string[], device: Device = clip.logitScale.device): Tensor {
  return keep(noGrad(() => tidy(() => textEmbeddings(clip, texts).to(device))));
}

/** Sentences to what a model draws, in float32 on its device. Dispose of them when done. */
export function textTargets({ clip, gpt }: Conditioning, texts: readonly string[]): Targets {
  return targetsOfText(gpt, embedTexts(clip, texts));
}

/** What sentences' unit embeddings, (N, D), ask for; they live as long. */
function targetsOfText(gpt: Gpt, embedding: Tensor): Targets {
  return new Targets(embedding, keep(noGrad(() => tidy(() => gpt.conditionOfText(embedding)))));
}

/** N sentences' `Gpt.agreement`; nothing where the GPT remembers no pictures. */
export function agreements({ gpt }: Pick<Networks, "gpt">, { embedding }: Targets): number[] | undefined {
  if (!gpt.memory) return undefined;
  return noGrad(() => tidy(() => gpt.agreement(embedding.to("float32")).toNumbers()));
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

/** What turns sentences and pictures into targets. */
type Conditioning = Pick<Networks, "clip" | "gpt">;

/** A target for each of N subjects, whatever their weights. Dispose of them when done. */
export async function subjectTargets(networks: Conditioning, subjects: readonly Subject[]): Promise<Targets> {
  const each: Targets[] = [];
  try {
    for (const subject of subjects) {
      each.push(
        "ids" in subject
          ? tokenTargets(networks, subject.ids)
          : new Targets(await embedPicture(networks.clip, subject.picture)),
      );
    }
    return Targets.cat(each);
  } finally {
    for (const targets of each) targets.dispose();
  }
}

/** The weighted sum of N unit embeddings, (N, D), made a unit again: (1, D). */
export function blended(embeddings: Tensor, weights: readonly number[]): Tensor {
  const column = Tensor.from(weights, [weights.length, 1], embeddings.dtype).to(embeddings.device);
  return normalize(embeddings.mul(column).sum([0], true));
}

/** One sentence's token ids to its target. Dispose of it when done. */
export function tokenTargets({ clip, gpt }: Conditioning, ids: readonly number[]): Targets {
  const embed = (): Tensor => {
    const tokens = Tensor.from(ids, [1, ids.length], "int64").to(clip.logitScale.device);
    return normalize(clip.encodeText(tokens));
  };
  return targetsOfText(gpt, keep(noGrad(() => tidy(embed))));
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
