/** Sentences about compositions that CLIP's training does not have: the same words in other orders and phrases. */

import type { Random } from "../random.ts";
import {
  nounOf,
  numberWord,
  placedNoun,
  relationWord,
  sayDescription,
  type Sentence,
  shapeWord,
  sizeWord,
  type Wording,
} from "./composition-captions.ts";
import { describeComposition, type Description, detailsOf, type WantedThing } from "./composition-descriptions.ts";
import type { Composition } from "./compositions.ts";
import { places, withArticle } from "./scene-captions.ts";

/**
 * A sentence that tells everything: "a large striped red circle at the top left to the left of a small plain blue
 * square at the top right on a grey background". Of two objects it is longer than any training sentence.
 */
export function longSentence(composition: Composition, random: Random): Sentence {
  const wanted = describeComposition(composition, detailsOf(composition));
  return { text: sayDescription(wanted, { random, rare: 0 }), wanted };
}

/**
 * A sentence in a phrasing that no training sentence has: "to the left of a blue square there is a red circle",
 * "a circle that is large and red", "there are three stars and they are green". Rare words are more frequent.
 */
export function paraphrase(composition: Composition, random: Random): Sentence {
  const wording = { random, rare: 0.3 };
  const [first] = composition.objects;
  if (first === undefined) throw new RangeError("a composition without objects cannot be told");
  if (composition.kind === "two") {
    const wanted = describeComposition(composition, ["relation"]);
    return { text: relatedPhrase(wanted, wording), wanted };
  }
  const properties = random.shuffle(["size 0", "texture 0"] as const).slice(0, random.int(3));
  // What is plain is seldom told, as in training.
  const told = properties.filter((detail) => detail !== "texture 0" || first.texture !== "plain");
  const place = composition.kind === "one" ? random.pick(["position 0", "background"] as const) : "background";
  const wanted = describeComposition(composition, random.chance(0.5) ? [...told, place] : told);
  return { text: wanted.count === 1 ? singlePhrase(wanted, wording) : alikePhrase(wanted, wording), wanted };
}

function singlePhrase(wanted: Description, wording: Wording): string {
  const thing = firstOf(wanted);
  const where = whereOf(wanted, wording);
  const shape = `a ${thing.shape}`;
  const properties = propertiesOf(thing, wording);
  const phrases = [
    `${shape} that is ${properties}${where && ` ${where}`}`,
    `${shape} and it is ${properties}${where && ` ${where}`}`,
  ];
  if (where !== "") phrases.push(`${where} there is ${withArticle(nounOf(thing, 1, wording))}`);
  return wording.random.pick(phrases);
}

function alikePhrase(wanted: Description, wording: Wording): string {
  const thing = firstOf(wanted);
  const number = numberWord(wanted.count);
  const where = whereOf(wanted, wording);
  const properties = propertiesOf(thing, wording);
  const shapes = shapeWord(thing, wanted.count);
  return wording.random.pick([
    `${number} ${shapes} that are ${properties}${where && ` ${where}`}`,
    `there are ${number} ${shapes} and they are ${properties}${where && ` ${where}`}`,
    `${nounOf(thing, wanted.count, wording)} and there are ${number} of them${where && ` ${where}`}`,
  ]);
}

function relatedPhrase(wanted: Description, wording: Wording): string {
  const [first, second] = wanted.objects;
  const { relation } = wanted;
  if (first === undefined || second === undefined || relation === undefined) {
    throw new RangeError("a related phrase needs two objects and a relation");
  }
  const [here, there] = [placedNoun(first, wording), placedNoun(second, wording)];
  const related = relationWord(relation, wording);
  return wording.random.pick([
    `${related} ${there} there is ${here}`,
    `${there} with ${here} ${related} it`,
    `${here} that is ${related} ${there}`,
    `a ${first.shape} that is ${first.color} ${related} a ${second.shape} that is ${second.color}`,
    `${there} and ${related} it ${here}`,
  ]);
}

/** "large and striped and red". */
function propertiesOf({ size, texture, color }: WantedThing, wording: Wording): string {
  const properties: string[] = [];
  if (size !== undefined) properties.push(sizeWord(size, wording));
  if (texture !== undefined) properties.push(texture);
  return wording.random.shuffle([...properties, color]).join(" and ");
}

/** Place and background, or nothing where neither is told. */
function whereOf({ objects, background }: Description, { random }: Wording): string {
  const position = objects[0]?.position;
  const words: string[] = [];
  if (position !== undefined) words.push(random.pick(places[position]));
  if (background !== undefined) words.push(`on a ${background} background`);
  return words.join(" ");
}

function firstOf({ objects }: Description): WantedThing {
  const [first] = objects;
  if (first === undefined) throw new RangeError("a description without objects says nothing");
  return first;
}
