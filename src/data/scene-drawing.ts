/** Scenes to pixels. */

import { shapeDistances } from "./scene-shapes.ts";
import { type Scene, textureDarkness } from "./scenes.ts";

/** Width of one stripe together with its gap, and distance between dots, as shares of the picture: 5.6 pixels of 32. */
const texturePeriod = 0.175;

/**
 * Draws a scene, anti-aliased. Returns (pixels, pixels, 3) RGB bytes, rows from the top.
 * Throws RangeError unless pixels is a whole number from 8 to 4096.
 */
export function drawScene(scene: Scene, pixels: number): Uint8Array {
  if (!Number.isInteger(pixels) || pixels < 8 || pixels > 4096) {
    throw new RangeError(`pixels must be a whole number from 8 to 4096, got ${pixels}`);
  }
  const picture = new Uint8Array(pixels * pixels * 3);
  const { colorValue: color, backgroundValue: background } = scene;
  for (let offset = 0; offset < picture.length; offset += 3) picture.set(background, offset);
  const distance = shapeDistances[scene.shape];
  const [centerX, centerY] = scene.center;
  const [firstRow, lastRow] = extent(centerY, scene.radius, pixels);
  const [firstColumn, lastColumn] = extent(centerX, scene.radius, pixels);
  const radiusPixels = scene.radius * pixels;
  for (let row = firstRow; row <= lastRow; row++) {
    const y = (row + 0.5) / pixels - centerY;
    for (let column = firstColumn; column <= lastColumn; column++) {
      const x = (column + 0.5) / pixels - centerX;
      // The distance in pixels, cut to half a pixel either way, is close to the share of the pixel that is covered.
      const cover = clamp01(0.5 - distance(x / scene.radius, y / scene.radius) * radiusPixels);
      if (cover === 0) continue;
      const light = cover * (1 - (1 - textureDarkness) * darkShare(scene, x, y, pixels));
      const offset = (row * pixels + column) * 3;
      picture[offset] = Math.round(light * color[0] + (1 - cover) * background[0]);
      picture[offset + 1] = Math.round(light * color[1] + (1 - cover) * background[1]);
      picture[offset + 2] = Math.round(light * color[2] + (1 - cover) * background[2]);
    }
  }
  return picture;
}

/** First and last pixel that the shape can touch along one axis. */
function extent(center: number, radius: number, pixels: number): [number, number] {
  const first = Math.floor((center - radius) * pixels - 1);
  const last = Math.ceil((center + radius) * pixels + 1);
  return [Math.max(0, first), Math.min(pixels - 1, last)];
}

/** How much of the pixel at (x, y), counted from the shape's center, the dark part of the texture covers: 0 to 1. */
function darkShare(scene: Scene, x: number, y: number, pixels: number): number {
  const periodPixels = texturePeriod * pixels;
  if (scene.texture === "striped") {
    const across = (x + y) * Math.SQRT1_2;
    return clamp01(0.5 + (0.25 - fromMiddle(across / texturePeriod)) * periodPixels);
  }
  if (scene.texture === "dotted") {
    const distance = Math.hypot(fromMiddle(x / texturePeriod), fromMiddle(y / texturePeriod));
    return clamp01(0.5 + (0.33 - distance) * periodPixels);
  }
  return 0;
}

/** Distance to the nearest whole number, 0 to 0.5. */
function fromMiddle(value: number): number {
  return Math.abs(value - Math.round(value));
}

function clamp01(value: number): number {
  return Math.min(1, Math.max(0, value));
}
