/** Which of the known shapes a soft mask shows, and where: by drawing them all and looking which one overlaps it best. */

import { shapeDistances, shapeMoments } from "./scene-shapes.ts";
import { type Shape, shapes } from "./scenes.ts";

/** A shape's place and size in pixels, and how well it overlaps what was seen there, 0 to 1. */
export type Fit = { centerX: number; centerY: number; radius: number; overlap: number };

/** The shape that fits best, and how much better it overlaps than the next one. */
export type ShapeMatch = Fit & { name: Shape; lead: number };

/** How much of each pixel the object covers, with the sum and the centroid of it in pixels. */
export type Mask = { cover: Float32Array; pixels: number; area: number; x: number; y: number };

export function withMoments(cover: Float32Array, pixels: number): Mask {
  const mask = { cover, pixels, area: 0, x: 0, y: 0 };
  for (const [index, share] of cover.entries()) {
    mask.area += share;
    mask.x += share * ((index % pixels) + 0.5);
    mask.y += share * (Math.floor(index / pixels) + 0.5);
  }
  mask.x /= mask.area;
  mask.y /= mask.area;
  return mask;
}

/** Null where the mask is empty. */
export function bestShape(mask: Mask): ShapeMatch | null {
  if (mask.area === 0) return null;
  const first = shapes.map((name) => ({ name, fit: firstFit(mask, name) }));
  const highest = Math.max(...first.map(({ fit }) => fit.overlap));
  const [best, second] = first
    // Refining costs the most and gains about 0.05: shapes far behind stay as they are.
    .map(({ name, fit }) => ({ name, fit: fit.overlap > highest - 0.12 ? refine(mask, name, fit) : fit }))
    .sort((a, b) => b.fit.overlap - a.fit.overlap);
  if (best === undefined || second === undefined) return null;
  return { name: best.name, ...best.fit, lead: best.fit.overlap - second.fit.overlap };
}

/** The shape at the size and place that give it the object's area and centroid. */
function firstFit(mask: Mask, name: Shape): Fit {
  const moments = shapeMoments[name];
  const radius = Math.sqrt(mask.area / moments.area);
  const fit = { centerX: mask.x - moments.x * radius, centerY: mask.y - moments.y * radius, radius };
  return { ...fit, overlap: overlapOf(mask, name, fit) };
}

/** Moves and scales the shape by fractions of a pixel while the overlap grows. */
function refine(mask: Mask, name: Shape, start: Fit): Fit {
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
      const moved = { centerX: best.centerX + dx, centerY: best.centerY + dy, radius: best.radius + dr };
      const overlap = overlapOf(mask, name, moved);
      if (overlap > best.overlap) best = { ...moved, overlap };
    }
  }
  return best;
}

/** Overlap of mask and drawn shape: the sum of the lesser covers over the sum of the greater (soft intersection over union). */
function overlapOf(mask: Mask, name: Shape, fit: Omit<Fit, "overlap">): number {
  const { cover, pixels } = mask;
  const distance = shapeDistances[name];
  // Every shape lies within the square from -1 to 1; more than a pixel beyond it nothing is covered.
  const range = (center: number): [number, number] => [
    Math.max(0, Math.floor(center - fit.radius - 1)),
    Math.min(pixels - 1, Math.ceil(center + fit.radius + 1)),
  ];
  const [firstRow, lastRow] = range(fit.centerY);
  const [firstColumn, lastColumn] = range(fit.centerX);
  let [both, drawn] = [0, 0];
  for (let row = firstRow; row <= lastRow; row++) {
    const y = (row + 0.5 - fit.centerY) / fit.radius;
    for (let column = firstColumn; column <= lastColumn; column++) {
      const x = (column + 0.5 - fit.centerX) / fit.radius;
      const share = Math.min(1, Math.max(0, 0.5 - distance(x, y) * fit.radius));
      drawn += share;
      both += Math.min(share, cover[row * pixels + column] ?? 0);
    }
  }
  const either = mask.area + drawn - both;
  return either === 0 ? 0 : both / either;
}
