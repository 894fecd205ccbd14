/** Whether a picture shows what a sentence asks for, attribute by attribute. */

import type { Description, WantedThing } from "./composition-descriptions.ts";
import { type CompositionReading, readComposition, type SeenThing } from "./composition-reader.ts";
import type { Relation } from "./compositions.ts";
import type { PictureBytes } from "./scene-measures.ts";

export const attributes = ["count", "color", "shape", "size", "texture", "position", "background", "relation"] as const;
export type Attribute = (typeof attributes)[number];

/** Whether each attribute is right; undefined where the sentence does not ask for it. */
export type Answers = Readonly<Record<Attribute, boolean | undefined>>;

/** Two objects whose middles are closer than this share of the picture stand in no relation. */
const leastApart = 0.15;

/**
 * Looks at a picture for what is wanted. `rgb` is (pixels, pixels, 3), bytes, rows from the top.
 * Throws RangeError where the length does not fit.
 */
export function checkComposition(rgb: PictureBytes, pixels: number, wanted: Description): Answers {
  return compareWithWanted(readComposition(rgb, pixels), wanted);
}

/**
 * Compares what a picture shows with what is wanted. An attribute of several objects is right where it is right for all
 * of them. Seen objects go to the wanted ones that they are most like, colour and shape before all else; a wanted
 * object that is not there has nothing right. Where alike ones are wanted, how many is for `count` alone to say.
 */
export function compareWithWanted({ background, objects }: CompositionReading, wanted: Description): Answers {
  const pairs = assigned(wanted, objects);
  const ofThings = (name: "color" | "shape" | "size" | "texture" | "position"): boolean | undefined => {
    const asked = pairs.filter(({ thing }) => thing[name] !== undefined);
    return asked.length === 0 ? undefined : asked.every(({ thing, seen }) => seen?.[name] === thing[name]);
  };
  const [first, second] = pairs;
  const stands = relationOf(first?.seen, second?.seen);
  return {
    count: objects.length === wanted.count,
    color: ofThings("color"),
    shape: ofThings("shape"),
    size: ofThings("size"),
    texture: ofThings("texture"),
    position: ofThings("position"),
    background: wanted.background === undefined ? undefined : background === wanted.background,
    relation: wanted.relation === undefined ? undefined : stands === wanted.relation,
  };
}

/** Whether everything that was asked for is right. */
export function isAllRight(answers: Answers): boolean {
  return attributes.every((name) => answers[name] !== false);
}

type Assigned = { thing: WantedThing; seen: SeenThing | undefined };

function assigned({ objects, count }: Description, seen: readonly SeenThing[]): Assigned[] {
  const [first, second] = objects;
  if (first === undefined) throw new RangeError("a description without objects asks for nothing");
  const ranked = seen.toSorted((a, b) => likeness(first, b) - likeness(first, a));
  if (second === undefined) {
    const found = ranked.slice(0, count).map((one) => ({ thing: first, seen: one }));
    return found.length > 0 ? found : [{ thing: first, seen: undefined }];
  }
  let best: Assigned[] = [];
  let highest = -1;
  // One more than there are: either may be missing.
  for (const one of [...ranked, undefined]) {
    for (const other of [...ranked, undefined]) {
      if (one === other && one !== undefined) continue;
      const sum = likeness(first, one) + likeness(second, other);
      if (sum <= highest) continue;
      highest = sum;
      best = [
        { thing: first, seen: one },
        { thing: second, seen: other },
      ];
    }
  }
  return best;
}

function likeness(thing: WantedThing, seen: SeenThing | undefined): number {
  if (seen === undefined) return 0;
  // Being there counts, too. Colour and shape say which object is meant: together they outweigh all others.
  let sum = 1;
  for (const name of ["color", "shape"] as const) if (seen[name] === thing[name]) sum += 4;
  for (const name of ["size", "texture", "position"] as const) if (seen[name] === thing[name]) sum += 1;
  return sum;
}

/** How the first stands to the second, along the axis on which they are farther apart. */
function relationOf(first: SeenThing | undefined, second: SeenThing | undefined): Relation | null {
  if (first === undefined || second === undefined) return null;
  const across = first.center[0] - second.center[0];
  const down = first.center[1] - second.center[1];
  if (Math.max(Math.abs(across), Math.abs(down)) < leastApart) return null;
  if (Math.abs(across) > Math.abs(down)) return across < 0 ? "left of" : "right of";
  return down < 0 ? "above" : "below";
}
