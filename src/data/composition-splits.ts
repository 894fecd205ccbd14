/**
 * What is trained on and what is tested with, as pure functions of split, seed and index.
 *
 * The generator trains on pictures without some combinations of colour and shape and without some pairs of shapes, and
 * never on sentences. CLIP trains on all combinations with their sentences, and never on long ones or paraphrases.
 */

import { Random } from "../random.ts";
import { trainingSentence, type Sentence } from "./composition-captions.ts";
import { longSentence, paraphrase } from "./composition-paraphrases.ts";
import { type Composition, compositionAt, type CompositionOptions } from "./compositions.ts";

/** What the generator's training pictures leave out. */
export const generatorCompositions = {
  heldOut: "exclude",
  heldOutPairs: "exclude",
} as const satisfies CompositionOptions;

/**
 * Sentences to test with.
 * seen: one object, of a combination that training has; unseen: of one that it has not.
 * relation: two objects; unseen pair: two that training never shows together. count: two or three alike.
 * long: two objects with everything told; paraphrase: all kinds, in a phrasing that training does not have.
 */
export const testSplits = ["seen", "unseen", "relation", "unseen pair", "count", "long", "paraphrase"] as const;
export type TestSplit = (typeof testSplits)[number];

/** A sentence to draw, what it asks for, and a composition of which it is true. */
export type TestSentence = Sentence & { split: TestSplit; composition: Composition };

const splitCompositions: Readonly<Record<TestSplit, CompositionOptions>> = {
  seen: { ...generatorCompositions, kind: "one" },
  unseen: { kind: "one", heldOut: "only" },
  relation: { ...generatorCompositions, kind: "two" },
  "unseen pair": { kind: "two", heldOut: "exclude", heldOutPairs: "only" },
  count: { ...generatorCompositions, kind: "alike" },
  long: { ...generatorCompositions, kind: "two" },
  paraphrase: generatorCompositions,
};

/** The sentence of this index. The same (split, seed, index) is always the same one. */
export function testSentence(split: TestSplit, seed: number, index: number): TestSentence {
  // A text as seed: no seed of a training's pictures is one.
  const composition = compositionAt(`test ${split} ${seed}`, index, splitCompositions[split]);
  const random = new Random(seed, index, "test sentence", split);
  return { split, composition, ...sentenceOf(split, composition, random) };
}

function sentenceOf(split: TestSplit, composition: Composition, random: Random): Sentence {
  switch (split) {
    case "long":
      return longSentence(composition, random);
    case "paraphrase":
      return paraphrase(composition, random);
    case "relation":
    case "unseen pair":
      return trainingSentence(composition, random, ["relation"]);
    default:
      return trainingSentence(composition, random);
  }
}
