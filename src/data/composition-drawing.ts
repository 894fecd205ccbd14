/** Compositions to pixels. */

import type { Composition } from "./compositions.ts";
import { blankPicture, paintShape } from "./scene-drawing.ts";

/** Width of one stripe together with its gap, as a share of the picture: a small object still has three. */
export const compositionTexturePeriod = 0.125;

/**
 * Draws a composition, anti-aliased. Returns (pixels, pixels, 3) RGB bytes, rows from the top.
 * Throws RangeError unless pixels is a whole number from 8 to 4096; below 32 the shapes are hard to tell.
 */
export function drawComposition(composition: Composition, pixels: number): Uint8Array {
  const { objects, backgroundValue } = composition;
  const picture = blankPicture(backgroundValue, pixels);
  for (const object of objects) {
    paintShape(picture, { ...object, backgroundValue, texturePeriod: compositionTexturePeriod }, pixels);
  }
  return picture;
}
