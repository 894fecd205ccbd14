import { rephrase, type Rephrasing } from "../data/caption-variations.ts";
import { streamOf, type PictureSet } from "../data/picture-stream.ts";
import type { Networks } from "../generate/decode.ts";
import { textTargets } from "../generate/embed.ts";
import { Targets } from "../generate/targets.ts";
import { normalize } from "../nn/functional.ts";
import { Random } from "../random.ts";
import { keep, tidy } from "../tensor/scope.ts";
import { clipFeatures, featuresOf, type FeatureOptions } from "./features.ts";

/**
 * What to draw from: the first caption of every picture, the same said otherwise, other sentences, or the pictures' own
 * embeddings.
 */
export type DrawFrom = "captions" | "pictures" | { prompts: readonly string[] } | { rephrased: Rephrasing };

export type Subjects = {
  /** The sentences, or the pictures' files. */
  names: readonly string[];
  /** None where pictures are drawn from. */
  sentences: readonly string[] | undefined;
  /** What each sentence asks for, in the words of the pictures' captions; the sentences themselves where nothing else is known. */
  asked: readonly string[];
  /** Whether sentence i belongs to picture i, or is the picture. */
  paired: boolean;
};

/** @throws RangeError where there is nothing to draw from */
export function subjectsOf(pictures: PictureSet, from: DrawFrom): Subjects {
  if (from === "pictures") return { names: pictures.names, sentences: undefined, asked: [], paired: true };
  if (from !== "captions" && "prompts" in from) {
    if (from.prompts.length === 0) throw new RangeError("there is no sentence to draw");
    return { names: from.prompts, sentences: from.prompts, asked: from.prompts, paired: false };
  }
  const captions = pictures.captions?.flatMap(([first]) => (first === undefined ? [] : [first])) ?? [];
  if (captions.length < pictures.count) throw new RangeError("the pictures have no captions to draw from");
  if (from === "captions") return { names: captions, sentences: captions, asked: captions, paired: true };
  const all = pictures.captions ?? [];
  const rephrased = all.map((own, i) => rephrase(own, from.rephrased, new Random(0, "rephrase", i)));
  return { names: rephrased, sentences: rephrased, asked: captions, paired: true };
}

/** What a model is asked to draw. Dispose of them when done. */
export async function targetsOf(
  { clip, gpt }: Pick<Networks, "clip" | "gpt">,
  { pictures, subjects }: { pictures: PictureSet; subjects: Subjects },
  options: FeatureOptions,
): Promise<Targets> {
  if (subjects.sentences) return textTargets({ clip, gpt }, subjects.sentences);
  const { features } = await featuresOf(streamOf(pictures), clipFeatures(clip), options);
  try {
    return new Targets(keep(tidy(() => normalize(features))));
  } finally {
    features.dispose();
  }
}
