/** Which of the known shapes a soft mask shows, and where: by drawing them all and looking which one overlaps it best. */

import { shapeDistances, shapeMoments } from "./scene-shapes.ts";
import { type Shape, shapes } from "./scenes.ts";

/** A shape's place and size in pixels. */
export type PlacedShape = { name: Shape; centerX: number; centerY: number; radius: number };

/** How well a shape, at a place, overlaps what was seen there, 0 to 1. */
export type ShapeMatch = PlacedShape & { overlap: number };

/** How much of each pixel the object covers, with the sum and the centroid of it in pixels. */
export type Mask = { cover: Float32Array; pixels: number; area: number; x: number; y: number };

export function withMoments(cover: Float32Array, pixels: number): Mask {
  const mask = { cover, pixels, area: 0, x: 0, y: 0 };
  for (let index = 0; index < cover.length; index++) {
    const share = cover[index] ?? 0;
    if (share === 0) continue;
    mask.area += share;
    mask.x += share * ((index % pixels) + 0.5);
    mask.y += share * (Math.floor(index / pixels) + 0.5);
  }
  mask.x /= mask.area;
  mask.y /= mask.area;
  return mask;
}

/** All shapes, the one that fits best in front; none where the mask is empty. */
export function rankedShapes(mask: Mask): ShapeMatch[] {
  if (mask.area === 0) return [];
  const first = shapes.map((name) => firstFit(mask, name));
  const highest = Math.max(...first.map(({ overlap }) => overlap));
  // Refining costs the most and gains about 0.05: shapes far behind stay as they are.
  return first
    .map((fit) => (fit.overlap > highest - 0.12 ? refine(mask, fit) : fit))
    .sort((a, b) => b.overlap - a.overlap);
}

/** The shape at the size and place that give it the object's area and centroid. */
function firstFit(mask: Mask, name: Shape): ShapeMatch {
  const moments = shapeMoments[name];
  const radius = Math.sqrt(mask.area / moments.area);
  const placed = { name, centerX: mask.x - moments.x * radius, centerY: mask.y - moments.y * radius, radius };
  return { ...placed, overlap: overlapOf(mask, placed) };
}

/** Moves and scales the shape by fractions of a pixel while the overlap grows. */
function refine(mask: Mask, start: ShapeMatch): ShapeMatch {
  let best = start;
  for (const step of [0.5, 0.25]) {
    const scale = step * 0.5;
    const moves = [
      [step, 0, 0],
      [-step, 0, 0],
      [0, step, 0],
      [0, -step, 0],
      [0, 0, scale],
      [0, 0, -scale],
    ] as const;
    for (const [dx, dy, dr] of moves) {
      const { name, centerX, centerY, radius } = best;
      const moved = { name, centerX: centerX + dx, centerY: centerY + dy, radius: radius + dr };
      const overlap = overlapOf(mask, moved);
      if (overlap > best.overlap) best = { ...moved, overlap };
    }
  }
  return best;
}

/** Overlap of mask and drawn shape: the sum of the lesser covers over the sum of the greater (soft intersection over union). */
function overlapOf(mask: Mask, placed: PlacedShape): number {
  const { cover, pixels } = mask;
  let [both, drawn] = [0, 0];
  forEachCovered(placed, pixels, (index, share) => {
    drawn += share;
    both += Math.min(share, cover[index] ?? 0);
  });
  const either = mask.area + drawn - both;
  return either === 0 ? 0 : both / either;
}

/** A pixel that a shape covers, with its middle counted from the shape's, as a share of the picture. */
export type CoveredPixel = { index: number; cover: number; x: number; y: number };

/** The pixels that the shape covers by more than nothing. */
export function coverOf(match: PlacedShape, pixels: number): CoveredPixel[] {
  const covered: CoveredPixel[] = [];
  forEachCovered(match, pixels, (index, cover) => {
    if (cover === 0) return;
    const x = ((index % pixels) + 0.5 - match.centerX) / pixels;
    const y = (Math.floor(index / pixels) + 0.5 - match.centerY) / pixels;
    covered.push({ index, cover, x, y });
  });
  return covered;
}

/** Visits every pixel that the shape can cover, with the share that it does cover, 0 to 1. */
function forEachCovered(shape: PlacedShape, pixels: number, visit: (index: number, share: number) => void): void {
  const { centerX, centerY, radius } = shape;
  const distance = shapeDistances[shape.name];
  // Every shape lies within the square from -1 to 1; more than a pixel beyond it nothing is covered.
  const range = (center: number): [number, number] => [
    Math.max(0, Math.floor(center - radius - 1)),
    Math.min(pixels - 1, Math.ceil(center + radius + 1)),
  ];
  const [firstRow, lastRow] = range(centerY);
  const [firstColumn, lastColumn] = range(centerX);
  for (let row = firstRow; row <= lastRow; row++) {
    const y = (row + 0.5 - centerY) / radius;
    for (let column = firstColumn; column <= lastColumn; column++) {
      const x = (column + 0.5 - centerX) / radius;
      visit(row * pixels + column, Math.min(1, Math.max(0, 0.5 - distance(x, y) * radius)));
    }
  }
}
