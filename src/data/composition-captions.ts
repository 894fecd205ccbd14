/** Sentences about compositions, as CLIP's training has them. */

import type { Random } from "../random.ts";
import {
  describeComposition,
  type Description,
  type Detail,
  detailsOf,
  type WantedThing,
} from "./composition-descriptions.ts";
import type { Composition, Relation } from "./compositions.ts";
import { openings, places, textureEndings, withArticle } from "./scene-captions.ts";
import type { Shape, Size } from "./scenes.ts";

/** A sentence, and what it asks of a picture. */
export type Sentence = { text: string; wanted: Description };

/** No training sentence has more words; the long ones for tests all do. */
export const mostTrainingWords = 17;

/** How often training sentences use a rarer word in place of the usual one. */
const rareShare = 0.06;

const rareSizes: Readonly<Record<Size, string>> = { small: "little", large: "big" };
const relationWords: Readonly<Record<Relation, { usual: readonly string[]; rare: string }>> = {
  "left of": { usual: ["to the left of", "left of"], rare: "on the left of" },
  "right of": { usual: ["to the right of", "right of"], rare: "on the right of" },
  above: { usual: ["above"], rare: "over" },
  below: { usual: ["below"], rare: "under" },
};
const plurals: Readonly<Record<Shape, string>> = {
  circle: "circles",
  square: "squares",
  triangle: "triangles",
  diamond: "diamonds",
  star: "stars",
  heart: "hearts",
  cross: "crosses",
  ring: "rings",
};

/** Where a sentence's words come from. */
export type Wording = { random: Random; /** Chance of a rarer word. */ rare: number };

/** "two", "three". */
export function numberWord(count: number): string {
  const word = ["no", "one", "two", "three"][count];
  if (word === undefined) throw new RangeError(`compositions have at most three objects, got ${count}`);
  return word;
}

/** "circle", or "circles" of several. */
export function shapeWord({ shape }: WantedThing, count: number): string {
  return count === 1 ? shape : plurals[shape];
}

export function sizeWord(size: Size, { random, rare }: Wording): string {
  return random.chance(rare) ? rareSizes[size] : size;
}

export function relationWord(relation: Relation, { random, rare }: Wording): string {
  const { usual, rare: rareWord } = relationWords[relation];
  return random.chance(rare) ? rareWord : random.pick(usual);
}

/** "large striped red circle with dots": what is told of the thing but its place, without an article. */
export function nounOf(thing: WantedThing, count: number, wording: Wording): string {
  const { size, texture, color } = thing;
  const words: string[] = [];
  if (size !== undefined) words.push(sizeWord(size, wording));
  // As for scenes of one shape: the adjective is more usual than the ending.
  const ending =
    texture !== undefined && texture !== "plain" && wording.random.chance(0.25) ? textureEndings[texture] : null;
  if (texture !== undefined && ending === null) words.push(texture);
  words.push(color, shapeWord(thing, count));
  if (ending !== null) words.push(ending);
  return words.join(" ");
}

/** The noun with "a", and its place where it is told: "a red circle at the top left". */
export function placedNoun(thing: WantedThing, wording: Wording): string {
  const noun = withArticle(nounOf(thing, 1, wording));
  return thing.position === undefined ? noun : `${noun} ${wording.random.pick(places[thing.position])}`;
}

/** The description in words: "a red circle to the left of a small blue square on a white background". */
export function sayDescription(wanted: Description, wording: Wording): string {
  const [first, second] = wanted.objects;
  if (first === undefined) throw new RangeError("a description without objects says nothing");
  const words: string[] = [];
  if (second !== undefined) {
    words.push(placedNoun(first, wording));
    words.push(wanted.relation === undefined ? "and" : relationWord(wanted.relation, wording));
    words.push(placedNoun(second, wording));
  } else if (wanted.count > 1) words.push(numberWord(wanted.count), nounOf(first, wanted.count, wording));
  else words.push(placedNoun(first, wording));
  if (wanted.background !== undefined) words.push(`on a ${wanted.background} background`);
  return words.join(" ");
}

/** How many words a sentence has. */
export function wordCount(text: string): number {
  return text.split(" ").length;
}

/**
 * A sentence as CLIP's training has them: number, colours and shapes are always told, of the rest at most three
 * things beside the relation or the places. The same draws give the same sentence.
 * @param base what has to be told; at random where it is left out
 */
export function trainingSentence(
  composition: Composition,
  random: Random,
  base = randomBase(composition, random),
): Sentence {
  const wording = { random, rare: rareShare };
  const others = random
    .shuffle(detailsOf(composition).filter((detail) => !/relation|position/.test(detail)))
    .filter((detail) => !tellsPlain(composition, detail) || random.chance(0.3))
    .slice(0, random.int(4));
  const opening = random.pick(openings).replace("there is", composition.kind === "alike" ? "there are" : "there is");
  for (;;) {
    const wanted = describeComposition(composition, [...base, ...others]);
    const text = sayDescription(wanted, wording);
    const opened = `${opening}${text}`;
    if (wordCount(opened) <= mostTrainingWords) return { text: opened, wanted };
    if (wordCount(text) <= mostTrainingWords) return { text, wanted };
    if (others.pop() === undefined) throw new Error(`"${text}" is too long for a training sentence`);
  }
}

/** One of the sentences that CLIP's training has of a composition. */
export function captionComposition(composition: Composition, random: Random): string {
  return trainingSentence(composition, random).text;
}

function randomBase({ kind }: Composition, random: Random): Detail[] {
  if (kind === "one") return random.chance(0.4) ? ["position 0"] : [];
  if (kind === "alike") return [];
  if (random.chance(0.65)) return ["relation"];
  return random.chance(0.5) ? ["position 0", "position 1"] : [];
}

/** Few people say that something is plain. */
function tellsPlain({ objects }: Composition, detail: Detail): boolean {
  return objects.some(({ texture }, index) => texture === "plain" && detail === `texture ${index}`);
}
