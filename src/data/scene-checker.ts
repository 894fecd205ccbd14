/**
 * Names what a picture of a scene shows, by measuring it: no learned weights, so it can judge what was learned.
 *
 * The background is the middle of the border's pixels. What differs from it is the object. Its colour is the known
 * colour whose light and dark tones lie closest to the object's pixels. Its shape is the known shape that, drawn with
 * the object's area and centroid and then shifted a little for the best fit, overlaps the object best.
 */

import {
  corePixels,
  groundOf,
  leastContrast,
  nearestColor,
  type PictureBytes,
  quantile,
  quantileOf,
  softMask,
} from "./scene-measures.ts";
import type { Color, Shape } from "./scenes.ts";
import { rankedShapes, withMoments } from "./shape-fit.ts";

/**
 * What a picture shows. Both names are null, with confidence 0, where there is no single object on an even background.
 * Confidence is from 0 to 1: about 0.9 for a clean scene, below 0.5 where a person would not name it with certainty.
 */
export type SceneReading = { color: Color | null; shape: Shape | null; confidence: number };

const nothing: SceneReading = { color: null, shape: null, confidence: 0 };

/** A fit below this overlap is no shape: noise reaches about 0.3, a clean scene about 0.95. */
const leastOverlap = 0.55;

/**
 * Names colour and shape of the object in a picture of a scene.
 * `rgb` is (pixels, pixels, 3), bytes, rows from the top. Throws RangeError where the length does not fit.
 */
export function checkScene(rgb: PictureBytes, pixels: number): SceneReading {
  const ground = groundOf(rgb, pixels);
  if (ground === null) return nothing;
  const { distances, borderNoise } = ground;
  const contrast = quantile(distances, 0.98);
  if (contrast < leastContrast) return nothing;

  const least = pixels * pixels * 0.01;
  const core = corePixels(distances, { pixels, threshold: contrast / 2, least });
  if (core.length < least) return nothing;
  const color = nearestColor(rgb, core);
  // The least contrast of the object's own tones counts as full cover, so that a texture leaves no holes in the mask.
  const full = quantileOf(distances, core, 0.15);
  const none = Math.max(0.2 * full, Math.min(1.5 * borderNoise, 0.5 * full));
  const [shape, second] = rankedShapes(withMoments(softMask(distances, { none, full }), pixels));
  if (shape === undefined || second === undefined || shape.overlap < leastOverlap) return nothing;

  // Three reasons to doubt, each 1 where there is none: a tone far from every colour, a poor fit, a close second.
  const toneTrust = Math.exp(-((color.error / 60) ** 2));
  const fitTrust = Math.min(1, (shape.overlap - leastOverlap) / (0.85 - leastOverlap));
  const leadTrust = Math.min(1, Math.min((shape.overlap - second.overlap) / 0.06, color.lead / 20));
  return { color: color.name, shape: shape.name, confidence: toneTrust * fitTrust * (0.5 + 0.5 * leadTrust) };
}
