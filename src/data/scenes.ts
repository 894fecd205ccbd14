/**
 * Synthetic scenes: one coloured shape on a plain background. Small enough to train every stage within minutes, and
 * fully known, so that `checkScene` can say without any learned weights whether a generated picture shows what was asked.
 */

import { Random } from "../random.ts";

/** Red, green and blue, each 0 to 255. */
export type Rgb = readonly [red: number, green: number, blue: number];

export const colors = ["red", "orange", "yellow", "green", "blue", "purple", "pink", "brown"] as const;
export const shapes = ["circle", "square", "triangle", "diamond", "star", "heart", "cross", "ring"] as const;
export const sizes = ["small", "large"] as const;
export const textures = ["plain", "striped", "dotted"] as const;
export const positions = [
  "center",
  "left",
  "right",
  "top",
  "bottom",
  "top left",
  "top right",
  "bottom left",
  "bottom right",
] as const;
export const backgrounds = ["white", "grey", "black", "beige"] as const;

export type Color = (typeof colors)[number];
export type Shape = (typeof shapes)[number];
export type Size = (typeof sizes)[number];
export type Texture = (typeof textures)[number];
export type Position = (typeof positions)[number];
export type Background = (typeof backgrounds)[number];

/** The middle of each colour; a scene's own colour differs from it a little. Far apart, also from every background. */
export const colorValues: Readonly<Record<Color, Rgb>> = {
  red: [220, 30, 36],
  orange: [250, 138, 18],
  yellow: [250, 222, 40],
  green: [38, 165, 70],
  blue: [38, 90, 225],
  purple: [128, 46, 170],
  pink: [255, 105, 180],
  brown: [128, 72, 36],
};

/** The middle of each background colour. */
export const backgroundValues: Readonly<Record<Background, Rgb>> = {
  white: [248, 248, 248],
  grey: [160, 160, 160],
  black: [16, 16, 16],
  beige: [232, 214, 180],
};

/** How dark the dark parts of a texture are: this share of the shape's colour. */
export const textureDarkness = 0.7;

/** Everything that decides a scene's pixels: what words can name, and the small variations that no word names. */
export type Scene = {
  color: Color;
  shape: Shape;
  size: Size;
  texture: Texture;
  position: Position;
  background: Background;
  /** The shape's own colour. */
  colorValue: Rgb;
  backgroundValue: Rgb;
  /** Middle of the shape's bounding square, as a share of the picture from the left and from the top. */
  center: readonly [x: number, y: number];
  /** Half the side of the shape's bounding square, as a share of the picture. */
  radius: number;
};

/** A pair of colour and shape. */
export type Combination = { color: Color; shape: Shape };

/**
 * Pairs of colour and shape that the generator's training never sees: one for each colour and one for each shape.
 * Drawing them on demand shows that colour and shape were learned apart from each other.
 */
export const heldOutCombinations: readonly Combination[] = [
  { color: "red", shape: "star" },
  { color: "orange", shape: "square" },
  { color: "yellow", shape: "heart" },
  { color: "green", shape: "ring" },
  { color: "blue", shape: "triangle" },
  { color: "purple", shape: "diamond" },
  { color: "pink", shape: "cross" },
  { color: "brown", shape: "circle" },
];

/** Whether this pair of colour and shape is one of `heldOutCombinations`. */
export function isHeldOut({ color, shape }: Combination): boolean {
  return heldOutCombinations.some((pair) => pair.color === color && pair.shape === shape);
}

/** Which pairs of colour and shape may be drawn: all but the held-out ones, only those, or all (the default). */
export type SceneOptions = { heldOut?: "exclude" | "only" | "include" };

const everyCombination: readonly Combination[] = shapes.flatMap((shape) => colors.map((color) => ({ color, shape })));
const combinations = {
  include: everyCombination,
  exclude: everyCombination.filter((pair) => !isHeldOut(pair)),
  only: heldOutCombinations,
} as const;

const radiusRanges: Readonly<Record<Size, readonly [number, number]>> = { small: [0.29, 0.31], large: [0.37, 0.4] };

/** What stays free between the shape and the picture's edge, as a share of the picture. */
const margin = 0.02;

/** A scene with every property drawn at random, each value of a property equally likely. */
export function randomScene(random: Random, options: SceneOptions = {}): Scene {
  const { color, shape } = random.pick(combinations[options.heldOut ?? "include"]);
  const size = random.pick(sizes);
  const position = random.pick(positions);
  const background = random.pick(backgrounds);
  const radius = random.between(...radiusRanges[size]);
  const brightness = random.between(0.94, 1.04);
  const backgroundBrightness = random.between(0.96, 1.03);
  return {
    color,
    shape,
    size,
    texture: random.pick(textures),
    position,
    background,
    colorValue: varied(colorValues[color], random, { brightness, spread: 7 }),
    backgroundValue: varied(backgroundValues[background], random, { brightness: backgroundBrightness, spread: 3 }),
    center: [
      coordinate(random, { side: sideOf(position, "left", "right"), radius }),
      coordinate(random, { side: sideOf(position, "top", "bottom"), radius }),
    ],
    radius,
  };
}

/** The scene of this index: the same (seed, index) is always the same scene, so a data set of scenes needs no files. */
export function sceneAt(seed: number, index: number, options: SceneOptions = {}): Scene {
  return randomScene(new Random(seed, index, "scene"), options);
}

/** Where a position lies along one axis: -1 where it names the low side, 1 for the high side, 0 between them. */
export function sideOf(position: Position, low: string, high: string): -1 | 0 | 1 {
  if (position.includes(low)) return -1;
  return position.includes(high) ? 1 : 0;
}

/** Center of the shape along one axis. The side counts in shares of the room that the shape leaves. */
function coordinate(random: Random, { side, radius }: { side: -1 | 0 | 1; radius: number }): number {
  const room = 0.5 - margin - radius;
  const offset = side === 0 ? random.between(-0.015, 0.015) : side * room * random.between(0.9, 1);
  return 0.5 + offset;
}

/** A colour close to this one. */
export function varied(
  color: Rgb,
  random: Random,
  { brightness, spread }: { brightness: number; spread: number },
): Rgb {
  const vary = (value: number): number =>
    Math.min(255, Math.max(0, Math.round(value * brightness + random.between(-spread, spread))));
  return [vary(color[0]), vary(color[1]), vary(color[2])];
}
