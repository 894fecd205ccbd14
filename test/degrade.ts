import type { Random } from "../src/random.ts";

// What drawn pictures have that true scenes have not: soft edges and grain.

/** A picture of (pixels, pixels, 3) levels after a Gaussian blur; its edge goes on outside. */
export function blurred(picture: Uint8Array, pixels: number, sigma: number): Float32Array {
  const reach = Math.ceil(3 * sigma);
  const weights = Array.from({ length: 2 * reach + 1 }, (_, at) => Math.exp(-((at - reach) ** 2) / (2 * sigma ** 2)));
  const total = weights.reduce((a, b) => a + b);
  const along = (source: Float32Array, horizontal: boolean): Float32Array =>
    source.map((_, offset) => {
      const [row, column, channel] = [Math.floor(offset / (3 * pixels)), Math.floor(offset / 3) % pixels, offset % 3];
      let sum = 0;
      for (const [at, weight] of weights.entries()) {
        const shifted = (horizontal ? column : row) + at - reach;
        const inside = Math.min(pixels - 1, Math.max(0, shifted));
        const index = horizontal ? row * pixels + inside : inside * pixels + column;
        sum += ((source[index * 3 + channel] ?? 0) * weight) / total;
      }
      return sum;
    });
  return along(along(Float32Array.from(picture), true), false);
}

/** Levels with normal noise of this deviation, as bytes. */
export function noisy(values: Float32Array | Uint8Array, sigma: number, random: Random): Uint8ClampedArray {
  return Uint8ClampedArray.from(values, (value) => value + sigma * random.normal());
}
