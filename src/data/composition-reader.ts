/**
 * Names everything that a picture of a composition shows, by measuring it: no learned weights.
 *
 * The background is the middle of the border's pixels. Connected parts that differ from it are objects. An object's
 * shape is the known shape that overlaps it best; with that, its size and its place are known. Its colour and texture are
 * those with which the shape, drawn at that place, comes closest to the picture's pixels.
 */

import { nearestName, paintOf } from "./composition-paint.ts";
import { largeRadius, positionGrid } from "./compositions.ts";
import {
  connectedParts,
  corePixels,
  type Ground,
  groundOf,
  leastContrast,
  type PictureBytes,
  quantile,
  softMask,
} from "./scene-measures.ts";
import {
  type Background,
  backgrounds,
  backgroundValues,
  type Color,
  type Position,
  type Shape,
  type Size,
  type Texture,
} from "./scenes.ts";
import { bestShape, withMoments } from "./shape-fit.ts";

/** One object of a picture. Colour and shape are null where none of the known ones comes close. */
export type SeenThing = {
  color: Color | null;
  shape: Shape | null;
  size: Size;
  texture: Texture;
  position: Position;
  /** Middle of the object, as a share of the picture from the left and from the top. */
  center: readonly [x: number, y: number];
};

/** What a picture shows. The background is null where the border is not of one known colour. */
export type CompositionReading = { background: Background | null; objects: readonly SeenThing[] };

/** A part smaller than this share of the picture is a speck: the smallest object, a small star, covers 0.022. */
const leastArea = 0.008;

/** A fit below this overlap is no shape. */
const leastOverlap = 0.55;

/** Between the middle of an object in the picture's middle row or column and of one at a side (compositions.ts). */
const sideLimit = 0.135;

/**
 * Reads a picture of a composition. `rgb` is (pixels, pixels, 3), bytes, rows from the top.
 * Throws RangeError where the length does not fit.
 */
export function readComposition(rgb: PictureBytes, pixels: number): CompositionReading {
  const ground = groundOf(rgb, pixels);
  if (ground === null) return { background: null, objects: [] };
  const parts = connectedParts(ground.distances, pixels, leastContrast).filter(
    (part) => part.length >= leastArea * pixels * pixels,
  );
  return {
    background: nearestName(ground.color, { names: backgrounds, values: backgroundValues, most: leastContrast }),
    objects: parts.map((part) => readObject({ rgb, pixels, ground, part })),
  };
}

type ObjectPixels = { rgb: PictureBytes; pixels: number; ground: Ground; part: readonly number[] };

function readObject({ rgb, pixels, ground, part }: ObjectPixels): SeenThing {
  const { distances, borderNoise } = ground;
  const own = alone(distances, part, pixels);
  const contrast = quantile(
    Float32Array.from(part, (index) => own[index] ?? 0),
    0.9,
  );
  const core = corePixels(own, { pixels, threshold: contrast / 2, least: 6 });
  const mask = withMoments(softMask({ distances: own, core, borderNoise }), pixels);
  const match = bestShape(mask);
  const center = [mask.x / pixels, mask.y / pixels] as const;
  if (match === null) throw new Error("a part of the picture has no pixels");
  const middle = [match.centerX / pixels, match.centerY / pixels] as const;
  const { color, texture } = paintOf({ rgb, pixels, ground: ground.color, match });
  const isShape = match.overlap >= leastOverlap;
  return {
    color,
    shape: isShape ? match.name : null,
    size: match.radius / pixels < largeRadius ? "small" : "large",
    texture,
    position: positionOf(isShape ? middle : center),
    center: isShape ? middle : center,
  };
}

/** The distances of a part's pixels and of their neighbours, where its soft edge is; 0 everywhere else. */
function alone(distances: Float32Array, part: readonly number[], pixels: number): Float32Array {
  const own = new Float32Array(distances.length);
  for (const index of part) {
    for (const near of [index, index - 1, index + 1, index - pixels, index + pixels]) {
      own[near] = distances[near] ?? 0;
    }
  }
  return own;
}

/** The position whose place on the grid is closest. */
function positionOf([x, y]: readonly [number, number]): Position {
  const position = positionGrid[third(y)]?.[third(x)];
  if (position === undefined) throw new Error("the grid of positions has three rows");
  return position;
}

/** Row or column of the grid. */
function third(at: number): 0 | 1 | 2 {
  if (at < 0.5 - sideLimit) return 0;
  return at > 0.5 + sideLimit ? 2 : 1;
}
