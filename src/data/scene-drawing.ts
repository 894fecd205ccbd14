/** Scenes to pixels. */

import { shapeDistances } from "./scene-shapes.ts";
import { type Rgb, type Scene, type Shape, type Texture, textureDarkness } from "./scenes.ts";

/** Width of one stripe together with its gap, and distance between dots, as shares of the picture: 5.6 pixels of 32. */
const texturePeriod = 0.175;

/** A shape as it is painted: lengths are shares of the picture. */
export type PaintedShape = {
  shape: Shape;
  texture: Texture;
  texturePeriod: number;
  colorValue: Rgb;
  backgroundValue: Rgb;
  center: readonly [x: number, y: number];
  radius: number;
};

/**
 * Draws a scene, anti-aliased. Returns (pixels, pixels, 3) RGB bytes, rows from the top.
 * Throws RangeError unless pixels is a whole number from 8 to 4096.
 */
export function drawScene(scene: Scene, pixels: number): Uint8Array {
  const picture = blankPicture(scene.backgroundValue, pixels);
  paintShape(picture, { ...scene, texturePeriod }, pixels);
  return picture;
}

/** (pixels, pixels, 3) bytes of one colour. Throws RangeError unless pixels is a whole number from 8 to 4096. */
export function blankPicture(color: Rgb, pixels: number): Uint8Array {
  if (!Number.isInteger(pixels) || pixels < 8 || pixels > 4096) {
    throw new RangeError(`pixels must be a whole number from 8 to 4096, got ${pixels}`);
  }
  const picture = new Uint8Array(pixels * pixels * 3);
  for (let offset = 0; offset < picture.length; offset += 3) picture.set(color, offset);
  return picture;
}

/** Paints a shape into a picture whose pixels there all have the shape's `backgroundValue`. */
export function paintShape(picture: Uint8Array, painted: PaintedShape, pixels: number): void {
  const { colorValue: color, backgroundValue: background, radius } = painted;
  const distance = shapeDistances[painted.shape];
  const [centerX, centerY] = painted.center;
  const [firstRow, lastRow] = extent(centerY, radius, pixels);
  const [firstColumn, lastColumn] = extent(centerX, radius, pixels);
  const radiusPixels = radius * pixels;
  for (let row = firstRow; row <= lastRow; row++) {
    const y = (row + 0.5) / pixels - centerY;
    for (let column = firstColumn; column <= lastColumn; column++) {
      const x = (column + 0.5) / pixels - centerX;
      // The distance in pixels, cut to half a pixel either way, is close to the share of the pixel that is covered.
      const cover = clamp01(0.5 - distance(x / radius, y / radius) * radiusPixels);
      if (cover === 0) continue;
      const light = cover * (1 - (1 - textureDarkness) * darkShare(painted, x, y, pixels));
      const offset = (row * pixels + column) * 3;
      picture[offset] = Math.round(light * color[0] + (1 - cover) * background[0]);
      picture[offset + 1] = Math.round(light * color[1] + (1 - cover) * background[1]);
      picture[offset + 2] = Math.round(light * color[2] + (1 - cover) * background[2]);
    }
  }
}

/** First and last pixel that the shape can touch along one axis. */
function extent(center: number, radius: number, pixels: number): [number, number] {
  const first = Math.floor((center - radius) * pixels - 1);
  const last = Math.ceil((center + radius) * pixels + 1);
  return [Math.max(0, first), Math.min(pixels - 1, last)];
}

/** What decides where a shape is dark. */
export type TextureOptions = Pick<PaintedShape, "texture" | "texturePeriod">;

/** How much of the pixel at (x, y), counted from the shape's center, the dark part of the texture covers: 0 to 1. */
export function darkShare(options: TextureOptions, x: number, y: number, pixels: number): number {
  const { texture, texturePeriod: period } = options;
  const periodPixels = period * pixels;
  if (texture === "striped") {
    const across = (x + y) * Math.SQRT1_2;
    return clamp01(0.5 + (0.25 - fromMiddle(across / period)) * periodPixels);
  }
  if (texture === "dotted") {
    const distance = Math.hypot(fromMiddle(x / period), fromMiddle(y / period));
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
