/** The outlines of the scene shapes as signed distances, in the square from -1 to 1, y down. */

import type { Shape } from "./scenes.ts";

type Distance = (x: number, y: number) => number;

/**
 * Signed distance from a point to each shape's outline: negative inside. Close to the outline it is the true distance,
 * which is all that anti-aliasing needs. Every shape lies within the square from -1 to 1.
 */
export const shapeDistances: Readonly<Record<Shape, Distance>> = {
  circle: (x, y) => Math.sqrt(x * x + y * y) - 1,
  square: (x, y) => boxDistance(x, y, { width: 0.86, height: 0.86 }),
  triangle: polygonDistance([
    [0, -0.95],
    [1, 0.82],
    [-1, 0.82],
  ]),
  diamond: polygonDistance([
    [0, -1],
    [0.8, 0],
    [0, 1],
    [-0.8, 0],
  ]),
  star: polygonDistance(starPoints(5, 0.4)),
  heart: polygonDistance(heartPoints(24)),
  cross: (x, y) =>
    Math.min(boxDistance(x, y, { width: 0.96, height: 0.3 }), boxDistance(x, y, { width: 0.3, height: 0.96 })),
  ring: (x, y) => Math.abs(Math.sqrt(x * x + y * y) - 0.74) - 0.26,
};

/** Area and centroid of each shape at radius 1, summed over a fine grid. */
export const shapeMoments: Readonly<Record<Shape, { area: number; x: number; y: number }>> = {
  circle: moments(shapeDistances.circle),
  square: moments(shapeDistances.square),
  triangle: moments(shapeDistances.triangle),
  diamond: moments(shapeDistances.diamond),
  star: moments(shapeDistances.star),
  heart: moments(shapeDistances.heart),
  cross: moments(shapeDistances.cross),
  ring: moments(shapeDistances.ring),
};

type Point = readonly [x: number, y: number];

function boxDistance(x: number, y: number, { width, height }: { width: number; height: number }): number {
  const dx = Math.abs(x) - width;
  const dy = Math.abs(y) - height;
  const outX = Math.max(dx, 0);
  const outY = Math.max(dy, 0);
  return Math.sqrt(outX * outX + outY * outY) + Math.min(Math.max(dx, dy), 0);
}

/** Distance to the nearest edge, negative inside by the even-odd rule (Inigo Quilez, "2D distance functions"). */
function polygonDistance(points: readonly Point[]): Distance {
  // Five numbers an edge, in one array: checking pictures spends most of its time in this loop.
  const edges = Float64Array.from(
    points.flatMap((start, index) => {
      const end = points[(index + 1) % points.length] ?? start;
      const [dx, dy] = [end[0] - start[0], end[1] - start[1]];
      return [start[0], start[1], dx, dy, dx * dx + dy * dy];
    }),
  );
  return (x, y) => {
    let nearest = Infinity;
    let inside = false;
    for (let at = 0; at < edges.length; at += 5) {
      const startX = edges[at] ?? 0;
      const startY = edges[at + 1] ?? 0;
      const dx = edges[at + 2] ?? 0;
      const dy = edges[at + 3] ?? 0;
      const px = x - startX;
      const py = y - startY;
      const t = Math.min(1, Math.max(0, (px * dx + py * dy) / (edges[at + 4] ?? 1)));
      const offX = px - t * dx;
      const offY = py - t * dy;
      nearest = Math.min(nearest, offX * offX + offY * offY);
      const crosses = startY <= y !== startY + dy <= y;
      if (crosses && x < startX + (dx * py) / dy) inside = !inside;
    }
    return inside ? -Math.sqrt(nearest) : Math.sqrt(nearest);
  };
}

function starPoints(tips: number, innerRadius: number): Point[] {
  return Array.from({ length: 2 * tips }, (_, index) => {
    const angle = (index * Math.PI) / tips;
    const radius = index % 2 === 0 ? 1 : innerRadius;
    return [radius * Math.sin(angle), -radius * Math.cos(angle) + 0.05];
  });
}

/** The well-known heart curve x = 16 sin³t, y = 13 cos t - 5 cos 2t - 2 cos 3t - cos 4t, scaled into the square. */
function heartPoints(count: number): Point[] {
  return Array.from({ length: count }, (_, index) => {
    const t = (index * 2 * Math.PI) / count;
    const height = 13 * Math.cos(t) - 5 * Math.cos(2 * t) - 2 * Math.cos(3 * t) - Math.cos(4 * t);
    return [Math.sin(t) ** 3, -height / 16 - 0.12];
  });
}

function moments(distance: Distance): { area: number; x: number; y: number } {
  const steps = 128;
  const sum = { area: 0, x: 0, y: 0 };
  for (let row = 0; row < steps; row++) {
    const y = ((row + 0.5) / steps) * 2 - 1;
    for (let column = 0; column < steps; column++) {
      const x = ((column + 0.5) / steps) * 2 - 1;
      if (distance(x, y) > 0) continue;
      sum.area += 1;
      sum.x += x;
      sum.y += y;
    }
  }
  return { area: (sum.area * 4) / (steps * steps), x: sum.x / sum.area, y: sum.y / sum.area };
}
