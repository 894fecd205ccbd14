/**
 * Scenes of one to three objects on a ground: what the benchmark of text and picture is about. Beside the scenes of
 * `scenes.ts`, they have relations, numbers, and more than one colour that belongs to more than one shape.
 *
 * Objects are as large as three of them can be without touching, so that the words for sizes mean the same everywhere.
 */

import { Random, type SeedPart } from "../random.ts";
import {
  type Background,
  backgrounds,
  backgroundValues,
  type Color,
  colors,
  colorValues,
  isHeldOut,
  type Position,
  type Rgb,
  type Shape,
  shapes,
  sideOf,
  type Size,
  sizes,
  type Texture,
  textures,
  varied,
} from "./scenes.ts";

export const relations = ["left of", "right of", "above", "below"] as const;
export type Relation = (typeof relations)[number];

/** One object, two different ones of which one stands beside the other, or two or three that are alike. */
export const compositionKinds = ["one", "two", "alike"] as const;
export type CompositionKind = (typeof compositionKinds)[number];

/** What words can tell of an object apart from its place. */
export type Thing = { color: Color; shape: Shape; size: Size; texture: Texture };

export type PlacedThing = Thing & {
  position: Position;
  /** The object's own colour. */
  colorValue: Rgb;
  /** Middle of the object's bounding square, as a share of the picture from the left and from the top. */
  center: readonly [x: number, y: number];
  /** Half the side of the object's bounding square, as a share of the picture. */
  radius: number;
};

/** Everything that decides a composition's pixels. */
export type Composition = {
  kind: CompositionKind;
  /** One to three. */
  objects: readonly PlacedThing[];
  /** How the first of two stands to the second; null in the other kinds. */
  relation: Relation | null;
  background: Background;
  backgroundValue: Rgb;
};

/** Radii as shares of the picture: at 32 pixels 4.5 to 4.8, and 6.1 to 6.4. */
const radiusRanges: Readonly<Record<Size, readonly [number, number]>> = { small: [0.14, 0.15], large: [0.19, 0.2] };

/** Between the largest small and the smallest large radius. */
export const largeRadius = 0.17;

/** How far the middle of an object on one side lies from the picture's middle: no object touches another or the edge. */
const sideOffset: readonly [number, number] = [0.25, 0.265];

/** Positions by row and column. */
export const positionGrid: readonly (readonly [Position, Position, Position])[] = [
  ["top left", "top", "top right"],
  ["left", "center", "right"],
  ["bottom left", "bottom", "bottom right"],
];

/** Pairs of shapes that never stand together in the generator's training; each shape is in one of them. */
export const heldOutPairs: readonly (readonly [Shape, Shape])[] = [
  ["circle", "star"],
  ["square", "heart"],
  ["triangle", "ring"],
  ["diamond", "cross"],
];

/** Whether these two shapes are one of `heldOutPairs`, in either order. */
export function isHeldOutPair(a: Shape, b: Shape): boolean {
  return heldOutPairs.some(([one, other]) => (a === one && b === other) || (a === other && b === one));
}

/** Which compositions may come. */
export type CompositionOptions = {
  /** All kinds by default. */
  kind?: CompositionKind;
  /** Combinations of colour and shape: without `heldOutCombinations`, only those, or all (the default). */
  heldOut?: "exclude" | "only" | "include";
  /** Shapes that stand together: without `heldOutPairs`, only those, or all (the default). */
  heldOutPairs?: "exclude" | "only" | "include";
  /** So many in a row are of the same kind, with the same colours and shapes; 1 by default. */
  alike?: number;
};

type Pair = { color: Color; shape: Shape };
const everyPair: readonly Pair[] = shapes.flatMap((shape) => colors.map((color) => ({ color, shape })));

/** One object alone, and two that differ, are two fifths each: three alike are quickly learnt. */
const kindWeights: readonly CompositionKind[] = ["one", "one", "two", "two", "alike"];

/** The composition of this index: the same (seed, index) is always the same one. */
export function compositionAt(seed: SeedPart, index: number, options: CompositionOptions = {}): Composition {
  const random = new Random(seed, index, "composition");
  const { alike = 1 } = options;
  const shared = alike === 1 ? random : new Random(seed, Math.floor(index / alike), "alike compositions");
  const kind = options.kind ?? shared.pick(kindWeights);
  const background = random.pick(backgrounds);
  const brightness = random.between(0.96, 1.03);
  const relation = kind === "two" ? random.pick(relations) : null;
  return {
    kind,
    objects: objectsOf({ kind, relation }, { random, shared }, options),
    relation,
    background,
    backgroundValue: varied(backgroundValues[background], random, { brightness, spread: 3 }),
  };
}

/** @param randoms.shared decides colours and shapes, `random` the rest */
function objectsOf(
  { kind, relation }: Pick<Composition, "kind" | "relation">,
  { random, shared }: { random: Random; shared: Random },
  options: CompositionOptions,
): PlacedThing[] {
  const allowed = everyPair.filter(admits(options.heldOut, (pair) => isHeldOut(pair)));
  const pair = shared.pick(allowed);
  const first = dressed(pair, random);
  if (kind === "one") return [placed(first, random.pick(positionGrid.flat()), random)];
  if (relation === null) return random.pick(alikePlaces).map((position) => placed(first, position, random));
  const others = allowed
    .filter(({ color, shape }) => color !== pair.color || shape !== pair.shape)
    .filter(admits(options.heldOutPairs, ({ shape }) => isHeldOutPair(shape, pair.shape)));
  const second = dressed(shared.pick(others), random);
  const [here, there] = placesOf(relation, random.pick([0, 1, 2]));
  return [placed(first, here, random), placed(second, there, random)];
}

function admits(
  heldOut: "exclude" | "only" | "include" = "include",
  isApart: (pair: Pair) => boolean,
): (pair: Pair) => boolean {
  return (pair) => heldOut === "include" || isApart(pair) === (heldOut === "only");
}

function dressed(pair: Pair, random: Random): Thing {
  return { ...pair, size: random.pick(sizes), texture: random.pick(textures) };
}

/** Where two objects stand that are in this relation: in one row or one column, of which there are three (0 to 2). */
function placesOf(relation: Relation, lane: number): [Position, Position] {
  const isAcross = relation === "left of" || relation === "right of";
  const [low, high] = isAcross ? [cell(lane, 0), cell(lane, 2)] : [cell(0, lane), cell(2, lane)];
  return relation === "left of" || relation === "above" ? [low, high] : [high, low];
}

function cell(row: number, column: number): Position {
  const position = positionGrid[row]?.[column];
  if (position === undefined) throw new RangeError(`there is no row ${row} with a column ${column}`);
  return position;
}

/** Two alike stand in one row or column, three in a triangle. As many of the ones as of the others. */
const alikePlaces: readonly (readonly Position[])[] = [
  ["left", "right"],
  ["top", "bottom"],
  ["top left", "top right"],
  ["bottom left", "bottom right"],
  ["top left", "bottom left"],
  ["top right", "bottom right"],
  ["top left", "bottom right"],
  ["bottom left", "top right"],
  ["top left", "top right", "bottom"],
  ["bottom left", "bottom right", "top"],
  ["top left", "bottom left", "right"],
  ["top right", "bottom right", "left"],
  ["top left", "top right", "bottom left"],
  ["top left", "top right", "bottom right"],
  ["bottom left", "bottom right", "top left"],
  ["bottom left", "bottom right", "top right"],
];

/** The thing at a place: with a radius, a middle and a colour close to those that its words stand for. */
export function placed(thing: Thing, position: Position, random: Random): PlacedThing {
  const radius = random.between(...radiusRanges[thing.size]);
  const brightness = random.between(0.94, 1.04);
  const along = (low: string, high: string): number => {
    const side = sideOf(position, low, high);
    return 0.5 + (side === 0 ? random.between(-0.02, 0.02) : side * random.between(...sideOffset));
  };
  return {
    ...thing,
    position,
    colorValue: varied(colorValues[thing.color], random, { brightness, spread: 7 }),
    center: [along("left", "right"), along("top", "bottom")],
    radius,
  };
}
