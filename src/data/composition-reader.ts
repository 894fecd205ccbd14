/**
 * Names everything that a picture of a composition shows, by measuring it: no learned weights.
 *
 * The background is the middle of the border's pixels. Connected parts that differ from it are objects. An object's
 * shapes, sizes and places that come into question are those that overlap it well; each is drawn there in all textures,
 * sharp and soft, and the one that comes closest to the picture's pixels is taken.
 */

import { drawingError, nearestName, paintOf, pictureRegion, type Region } from "./composition-paint.ts";
import { largeRadius, positionGrid } from "./compositions.ts";
import {
  connectedParts,
  corePixels,
  type Ground,
  groundOf,
  leastContrast,
  type PictureBytes,
  quantileOf,
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
import { rankedShapes, type ShapeMatch, withMoments } from "./shape-fit.ts";

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

/** A shape that overlaps worse than the best one by more than this is not the one, nor has `rankedShapes` refined it. */
const overlapSpread = 0.12;

/** In pixels: a soft mask leaves the radius in doubt. */
const radiusChanges = [-0.3, 0, 0.3];

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
  const own = alone(ground.distances, part, pixels);
  const contrast = quantileOf(own, part, 0.9);
  const core = corePixels(own, { pixels, threshold: contrast / 2, least: 6 });
  // Nearly all of the contrast counts as full cover: in small soft pictures, less would make the thin parts of a shape fat.
  const full = quantileOf(own, core, 0.85);
  const mask = withMoments(softMask(own, { none: 0.05 * full, full }), pixels);
  const indices = squareAround(part, own, ground, pixels);
  const region = pictureRegion(rgb, { pixels, ground: ground.color, indices });
  const match = closestDrawing(rankedShapes(mask), region);
  const paint = paintOf(match, region);
  const center = [match.centerX / pixels, match.centerY / pixels] as const;
  return {
    color: paint.color,
    shape: match.overlap < leastOverlap ? null : match.name,
    size: match.radius / pixels < largeRadius ? "small" : "large",
    texture: paint.texture,
    position: positionOf(center),
    center,
  };
}

/** Overlap tells which shapes are worth drawing; the one whose drawing is closest to the picture is taken. */
function closestDrawing(ranked: readonly ShapeMatch[], region: Region): ShapeMatch {
  const [first] = ranked;
  if (first === undefined) throw new Error("a part of the picture has no pixels");
  let best = { match: first, error: Infinity };
  for (const match of ranked) {
    if (match.overlap < first.overlap - overlapSpread) break;
    for (const change of radiusChanges) {
      const changed = { ...match, radius: match.radius + change };
      const error = drawingError(changed, region);
      if (error < best.error) best = { match: changed, error };
    }
  }
  return best.match;
}

/** The pixels of the square around a part and one pixel more, without those of other parts. */
function squareAround(part: readonly number[], own: Float32Array, ground: Ground, pixels: number): number[] {
  let [left, right, top, bottom] = [pixels, 0, pixels, 0];
  for (const index of part) {
    const [column, row] = [index % pixels, Math.floor(index / pixels)];
    [left, right] = [Math.min(left, column), Math.max(right, column)];
    [top, bottom] = [Math.min(top, row), Math.max(bottom, row)];
  }
  const indices: number[] = [];
  for (let row = Math.max(0, top - 1); row <= Math.min(pixels - 1, bottom + 1); row++) {
    for (let column = Math.max(0, left - 1); column <= Math.min(pixels - 1, right + 1); column++) {
      const index = row * pixels + column;
      if (own[index] !== 0 || (ground.distances[index] ?? 0) <= leastContrast) indices.push(index);
    }
  }
  return indices;
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
