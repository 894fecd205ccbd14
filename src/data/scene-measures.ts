/** What can be measured in a picture of shapes on an even background, without knowing which shapes they are. */

import { type Color, type Rgb, colorValues, colors, textureDarkness } from "./scenes.ts";

/** (pixels, pixels, 3) RGB bytes, rows from the top. */
export type PictureBytes = Uint8Array | Uint8ClampedArray;

/** Least distance in RGB between an object and its background, and between two tones that count as different. */
export const leastContrast = 40;

/** The even ground of a picture. */
export type Ground = {
  color: Rgb;
  /** Every pixel's distance from that colour in RGB. */
  distances: Float32Array;
  /** What three quarters of the border's pixels do not exceed. */
  borderNoise: number;
};

/**
 * The ground of a (pixels, pixels, 3) picture, or null where its border is not of one colour: then nothing can be told.
 * Throws RangeError where the length does not fit.
 */
export function groundOf(rgb: PictureBytes, pixels: number): Ground | null {
  if (!Number.isInteger(pixels) || pixels < 8 || rgb.length !== pixels * pixels * 3) {
    throw new RangeError(`a picture of ${pixels}×${pixels} RGB needs ${pixels * pixels * 3} bytes, got ${rgb.length}`);
  }
  const color = borderColor(rgb, pixels);
  const distances = distancesFrom(rgb, color);
  const borderNoise = quantile(borderOf(distances, pixels), 0.75);
  return borderNoise > leastContrast ? null : { color, distances, borderNoise };
}

/** The middle value of each channel along the border: an object that touches one side does not move it. */
function borderColor(rgb: PictureBytes, pixels: number): Rgb {
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

function distancesFrom(rgb: PictureBytes, color: Rgb): Float32Array {
  const distances = new Float32Array(rgb.length / 3);
  for (let index = 0; index < distances.length; index++) {
    const red = (rgb[index * 3] ?? 0) - color[0];
    const green = (rgb[index * 3 + 1] ?? 0) - color[1];
    const blue = (rgb[index * 3 + 2] ?? 0) - color[2];
    distances[index] = Math.sqrt(red * red + green * green + blue * blue);
  }
  return distances;
}

/**
 * Indices of the pixels that surely lie on the object: they and their four neighbours differ from the background.
 * Where there are fewer than `least` of those, all that differ: of a thin object, better its edges than nothing.
 */
export function corePixels(
  distances: Float32Array,
  options: { pixels: number; threshold: number; least: number },
): number[] {
  const { pixels, threshold, least } = options;
  const isOn = (index: number): boolean => (distances[index] ?? 0) > threshold;
  const all: number[] = [];
  const inner: number[] = [];
  for (let index = 0; index < distances.length; index++) {
    if (!isOn(index)) continue;
    all.push(index);
    if (isOn(index - 1) && isOn(index + 1) && isOn(index - pixels) && isOn(index + pixels)) inner.push(index);
  }
  return inner.length >= least ? inner : all;
}

export type ColorMatch = { name: Color; error: number; lead: number };

/** The colour whose tones, from full light down to the dark of a texture, lie closest to the pixels. */
export function nearestColor(rgb: PictureBytes, core: readonly number[]): ColorMatch {
  const ranked = colors
    .map((name) => ({ name, error: toneError(rgb, core, colorValues[name]) }))
    .sort((a, b) => a.error - b.error);
  const [best, second] = ranked;
  if (best === undefined || second === undefined) throw new Error("the list of colours is empty");
  return { ...best, lead: second.error - best.error };
}

/** Root mean square distance in RGB from the pixels to the colour's tones, and from their brightest to its full light. */
function toneError(rgb: PictureBytes, core: readonly number[], color: Rgb): number {
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

/** How much of each pixel the object covers, 0 to 1: nothing at a distance of `none` or less, all of it at `full`. */
export function softMask(distances: Float32Array, { none, full }: { none: number; full: number }): Float32Array {
  return distances.map((distance) => Math.min(1, Math.max(0, (distance - none) / (full - none))));
}

/** The value below which this share of the distances of these pixels lies. */
export function quantileOf(distances: Float32Array, indices: readonly number[], share: number): number {
  return quantile(
    Float32Array.from(indices, (index) => distances[index] ?? 0),
    share,
  );
}

/** The value below which this share of the values lies. */
export function quantile(values: Float32Array, share: number): number {
  const sorted = values.slice().sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

/** Indices of the pixels whose distance is above the threshold, one list for each part that hangs together by its sides. */
export function connectedParts(distances: Float32Array, pixels: number, threshold: number): number[][] {
  const open = Uint8Array.from(distances, (distance) => (distance > threshold ? 1 : 0));
  const parts: number[][] = [];
  for (let start = 0; start < open.length; start++) {
    if (open[start] !== 1) continue;
    const part = [start];
    open[start] = 0;
    const add = (index: number): void => {
      if (open[index] !== 1) return;
      open[index] = 0;
      part.push(index);
    };
    // The list grows while it is walked: whatever is added is looked at in its turn.
    for (const index of part) {
      add(index - pixels);
      add(index + pixels);
      if (index % pixels > 0) add(index - 1);
      if ((index + 1) % pixels > 0) add(index + 1);
    }
    parts.push(part);
  }
  return parts;
}
