/**
 * Names what a picture of a scene shows, by measuring it: no learned weights, so it can judge what was learned.
 *
 * The background is the middle of the border's pixels. What differs from it is the object. Its colour is the known
 * colour whose light and dark tones lie closest to the object's pixels. Its shape is the known shape that, drawn with
 * the object's area and centroid and then shifted a little for the best fit, overlaps the object best.
 */

import { shapeDistances, shapeMoments } from "./scene-shapes.ts";
import { type Color, type Rgb, type Shape, colorValues, colors, shapes, textureDarkness } from "./scenes.ts";

/**
 * What a picture shows. Both names are null, with confidence 0, where there is no single object on an even background.
 * Confidence is from 0 to 1: about 0.9 for a clean scene, below 0.5 where a person would not name it with certainty.
 */
export type SceneReading = { color: Color | null; shape: Shape | null; confidence: number };

const nothing: SceneReading = { color: null, shape: null, confidence: 0 };

/** Least distance in RGB between an object and its background, and between two tones that count as different. */
const leastContrast = 40;

/** A fit below this overlap is no shape: noise reaches about 0.3, a clean scene about 0.95. */
const leastOverlap = 0.55;

/**
 * Names colour and shape of the object in a picture of a scene.
 * `rgb` is (pixels, pixels, 3), bytes, rows from the top. Throws RangeError where the length does not fit.
 */
export function checkScene(rgb: Uint8Array | Uint8ClampedArray, pixels: number): SceneReading {
  if (!Number.isInteger(pixels) || pixels < 8 || rgb.length !== pixels * pixels * 3) {
    throw new RangeError(`a picture of ${pixels}×${pixels} RGB needs ${pixels * pixels * 3} bytes, got ${rgb.length}`);
  }
  const background = borderColor(rgb, pixels);
  const distances = distancesFrom(rgb, background);
  const borderNoise = quantile(borderOf(distances, pixels), 0.75);
  // A border that is not of one colour is no background, so nothing can be told from it.
  if (borderNoise > leastContrast) return nothing;
  const contrast = quantile(distances, 0.98);
  if (contrast < leastContrast) return nothing;

  const core = corePixels(distances, pixels, contrast / 2);
  if (core.length < pixels * pixels * 0.01) return nothing;
  const color = nearestColor(rgb, core);
  const shape = bestShape(withMoments(softMask({ distances, core, borderNoise }), pixels));
  if (shape === null || shape.overlap < leastOverlap) return nothing;

  // Three reasons to doubt, each 1 where there is none: a tone far from every colour, a poor fit, a close second.
  const toneTrust = Math.exp(-((color.error / 60) ** 2));
  const fitTrust = Math.min(1, (shape.overlap - leastOverlap) / (0.85 - leastOverlap));
  const leadTrust = Math.min(1, Math.min(shape.lead / 0.06, color.lead / 20));
  return { color: color.name, shape: shape.name, confidence: toneTrust * fitTrust * (0.5 + 0.5 * leadTrust) };
}

/** The middle value of each channel along the border: an object that touches one side does not move it. */
function borderColor(rgb: Uint8Array | Uint8ClampedArray, pixels: number): Rgb {
  const channel = (offset: number): number => {
    const values = new Float32Array(pixels * pixels);
    for (let index = 0; index < values.length; index++) values[index] = rgb[index * 3 + offset] ?? 0;
    return quantile(borderOf(values, pixels), 0.5);
  };
  return [channel(0), channel(1), channel(2)];
}

function borderOf(values: Float32Array, pixels: number): Float32Array {
  const last = pixels - 1;
  const border = new Float32Array(4 * last);
  for (let index = 0; index < last; index++) {
    border[index] = values[index] ?? 0;
    border[last + index] = values[index * pixels + last] ?? 0;
    border[2 * last + index] = values[last * pixels + index + 1] ?? 0;
    border[3 * last + index] = values[(index + 1) * pixels] ?? 0;
  }
  return border;
}

function distancesFrom(rgb: Uint8Array | Uint8ClampedArray, color: Rgb): Float32Array {
  const distances = new Float32Array(rgb.length / 3);
  for (let index = 0; index < distances.length; index++) {
    const red = (rgb[index * 3] ?? 0) - color[0];
    const green = (rgb[index * 3 + 1] ?? 0) - color[1];
    const blue = (rgb[index * 3 + 2] ?? 0) - color[2];
    distances[index] = Math.sqrt(red * red + green * green + blue * blue);
  }
  return distances;
}

/** Indices of the pixels that surely lie on the object: they and their four neighbours differ from the background. */
function corePixels(distances: Float32Array, pixels: number, threshold: number): number[] {
  const isOn = (index: number): boolean => (distances[index] ?? 0) > threshold;
  const all: number[] = [];
  const inner: number[] = [];
  for (let index = 0; index < distances.length; index++) {
    if (!isOn(index)) continue;
    all.push(index);
    if (isOn(index - 1) && isOn(index + 1) && isOn(index - pixels) && isOn(index + pixels)) inner.push(index);
  }
  // A thin object has hardly any inner pixels: better its edges than nothing.
  return inner.length >= pixels * pixels * 0.01 ? inner : all;
}

type ColorMatch = { name: Color; error: number; lead: number };

/** The colour whose tones, from full light down to the dark of a texture, lie closest to the pixels. */
function nearestColor(rgb: Uint8Array | Uint8ClampedArray, core: readonly number[]): ColorMatch {
  const ranked = colors
    .map((name) => ({ name, error: toneError(rgb, core, colorValues[name]) }))
    .sort((a, b) => a.error - b.error);
  const [best, second] = ranked;
  if (best === undefined || second === undefined) throw new Error("the list of colours is empty");
  return { ...best, lead: second.error - best.error };
}

/** Root mean square distance in RGB from the pixels to the colour's tones, and from their brightest to its full light. */
function toneError(rgb: Uint8Array | Uint8ClampedArray, core: readonly number[], color: Rgb): number {
  const norm = color[0] ** 2 + color[1] ** 2 + color[2] ** 2;
  const lights = new Float32Array(core.length);
  let sum = 0;
  for (const [position, index] of core.entries()) {
    const red = rgb[index * 3] ?? 0;
    const green = rgb[index * 3 + 1] ?? 0;
    const blue = rgb[index * 3 + 2] ?? 0;
    const light = (red * color[0] + green * color[1] + blue * color[2]) / norm;
    const nearest = Math.min(1, Math.max(textureDarkness, light));
    sum += (red - nearest * color[0]) ** 2 + (green - nearest * color[1]) ** 2 + (blue - nearest * color[2]) ** 2;
    lights[position] = light;
  }
  // Brown is a dark orange: only the brightest parts of a texture tell them apart.
  const fullLight = (quantile(lights, 0.85) - 1) ** 2 * norm;
  return Math.sqrt(sum / core.length + fullLight);
}

/** How much of each pixel the object covers, 0 to 1. */
function softMask(options: { distances: Float32Array; core: readonly number[]; borderNoise: number }): Float32Array {
  const { distances, core, borderNoise } = options;
  // The least contrast of the object's own tones counts as full cover, so that a texture leaves no holes in the mask.
  const full = quantile(
    Float32Array.from(core, (index) => distances[index] ?? 0),
    0.15,
  );
  const none = Math.max(0.2 * full, Math.min(1.5 * borderNoise, 0.5 * full));
  return distances.map((distance) => Math.min(1, Math.max(0, (distance - none) / (full - none))));
}

type Fit = { centerX: number; centerY: number; radius: number; overlap: number };
type ShapeMatch = { name: Shape; overlap: number; lead: number };

/** How much of each pixel the object covers, with the sum and the centroid of it in pixels. */
type Mask = { cover: Float32Array; pixels: number; area: number; x: number; y: number };

function withMoments(cover: Float32Array, pixels: number): Mask {
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

function bestShape(mask: Mask): ShapeMatch | null {
  if (mask.area === 0) return null;
  const first = shapes.map((name) => ({ name, fit: firstFit(mask, name) }));
  const highest = Math.max(...first.map(({ fit }) => fit.overlap));
  const [best, second] = first
    // Refining costs the most and gains about 0.05: shapes far behind stay as they are.
    .map(({ name, fit }) => ({ name, overlap: fit.overlap > highest - 0.12 ? refine(mask, name, fit) : fit.overlap }))
    .sort((a, b) => b.overlap - a.overlap);
  if (best === undefined || second === undefined) return null;
  return { ...best, lead: best.overlap - second.overlap };
}

/** The shape at the size and place that give it the object's area and centroid. */
function firstFit(mask: Mask, name: Shape): Fit {
  const moments = shapeMoments[name];
  const radius = Math.sqrt(mask.area / moments.area);
  const fit = { centerX: mask.x - moments.x * radius, centerY: mask.y - moments.y * radius, radius };
  return { ...fit, overlap: overlapOf(mask, name, fit) };
}

/** Moves and scales the shape by fractions of a pixel while the overlap grows. Returns the best overlap. */
function refine(mask: Mask, name: Shape, start: Fit): number {
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
  return best.overlap;
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

/** The value below which this share of the values lies. */
function quantile(values: Float32Array, share: number): number {
  const sorted = values.slice().sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}
