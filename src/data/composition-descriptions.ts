/** What a sentence asks of a picture, in data: what the checker compares a picture with. */

import type { Composition, Relation, Thing } from "./compositions.ts";
import type { Background, Position } from "./scenes.ts";

/** What is wanted of an object. What is left out is not asked for. */
export type WantedThing = Pick<Thing, "color" | "shape"> &
  Partial<Pick<Thing, "size" | "texture">> & { position?: Position };

export type Description = {
  /** How many objects there are in all: for two that differ 2, for three alike 3. */
  count: number;
  /** One, or two that differ. Alike ones are told once. */
  objects: readonly WantedThing[];
  /** How the first of two stands to the second. */
  relation?: Relation;
  background?: Background;
};

/** Something that a sentence may tell, or leave out; the number is that of the object. */
export type Detail = "background" | "relation" | `${"size" | "texture" | "position"} ${number}`;

/** The objects that a sentence tells apart: alike ones are one. */
function toldApart({ kind, objects }: Composition): Composition["objects"] {
  return kind === "alike" ? objects.slice(0, 1) : objects;
}

/** Everything that can be told of a composition. Where alike objects stand is not. */
export function detailsOf(composition: Composition): Detail[] {
  const details: Detail[] = ["background"];
  if (composition.relation !== null) details.push("relation");
  for (const index of toldApart(composition).keys()) {
    details.push(`size ${index}`, `texture ${index}`);
    if (composition.kind !== "alike") details.push(`position ${index}`);
  }
  return details;
}

/** The description that tells these details; number, colours and shapes are always told. */
export function describeComposition(composition: Composition, details: readonly Detail[]): Description {
  const { relation, background } = composition;
  const objects: WantedThing[] = [];
  for (const [index, { color, shape, size, texture, position }] of toldApart(composition).entries()) {
    objects.push({
      color,
      shape,
      ...(details.includes(`size ${index}`) && { size }),
      ...(details.includes(`texture ${index}`) && { texture }),
      ...(details.includes(`position ${index}`) && { position }),
    });
  }
  return {
    count: composition.objects.length,
    objects,
    ...(relation !== null && details.includes("relation") && { relation }),
    ...(details.includes("background") && { background }),
  };
}
