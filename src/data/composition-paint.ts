/** Colour and texture of an object, by drawing it in all textures and looking which one the picture is closest to. */

import { compositionTexturePeriod } from "./composition-drawing.ts";
import { darkShare } from "./scene-drawing.ts";
import type { PictureBytes } from "./scene-measures.ts";
import { type Color, colors, colorValues, type Rgb, type Texture, textureDarkness } from "./scenes.ts";
import { coverOf, type PlacedShape } from "./shape-fit.ts";

/** Farther than this in RGB from every known colour is no known colour: the closest two are 73 apart. */
const mostColorError = 70;

/** The middle of a blur by 0.65 pixels; the ends are what is left on each side. */
const blurMiddle = 0.58;

/** How often that blur is tried in a row: up to 1.1 pixels in all, as drawn pictures are softer than scenes. */
const mostBlurs = 3;

type Way = { texture: Texture; across: 1 | -1 };

const plain: Way = { texture: "plain", across: 1 };

/** Textures, and stripes the other way as well: training mirrors pictures. */
const ways: readonly Way[] = [
  plain,
  { texture: "striped", across: 1 },
  { texture: "striped", across: -1 },
  { texture: "dotted", across: 1 },
];

export type Paint = { color: Color | null; texture: Texture };

/** The part of a picture in which one object is looked for. */
export type Region = {
  pixels: number;
  ground: Rgb;
  /** Which pixels of the picture. */
  indices: readonly number[];
  /** What they differ by from the ground: red, green and blue of each. */
  differences: Float32Array;
};

export function pictureRegion(rgb: PictureBytes, options: Omit<Region, "differences">): Region {
  const { ground, indices } = options;
  const differences = new Float32Array(indices.length * 3);
  for (const [at, index] of indices.entries()) {
    for (const channel of [0, 1, 2] as const) {
      differences[at * 3 + channel] = (rgb[index * 3 + channel] ?? 0) - ground[channel];
    }
  }
  return { ...options, differences };
}

/**
 * The colour and the texture with which a shape, drawn at its place, comes closest to the picture.
 *
 * A pixel that the shape covers by c and the texture's dark part by d is c (1 - 0.3 d) K + (1 - c) G, with G the ground.
 * For each texture, sharp and blurred, the best colour K follows by least squares, and the one with the smallest error is
 * taken. So neither soft edges nor dark parts falsify the colour.
 */
export function paintOf(shape: PlacedShape, region: Region): Paint {
  let best: ColorFit & { texture: Texture } = { error: Infinity, texture: "plain", value: region.ground };
  for (const way of ways) {
    const fit = drawnFit(shape, region, way);
    if (fit.error < best.error) best = { ...fit, texture: way.texture };
  }
  return {
    color: nearestName(best.value, { names: colors, values: colorValues, most: mostColorError }),
    texture: best.texture,
  };
}

/** How far the picture is from the shape drawn at its place in the best plain colour: a sum of squares over the region. */
export function drawingError(shape: PlacedShape, region: Region): number {
  return drawnFit(shape, region, plain).error;
}

type ColorFit = { value: Rgb; error: number };

/** The shape drawn in one way, as soft as the picture is. */
function drawnFit(shape: PlacedShape, region: Region, { texture, across }: Way): ColorFit {
  const { pixels, indices } = region;
  let covers: Float32Array = new Float32Array(pixels * pixels);
  let lights: Float32Array = new Float32Array(pixels * pixels);
  for (const { index, cover, x, y } of coverOf(shape, pixels)) {
    const dark = darkShare({ texture, texturePeriod: compositionTexturePeriod }, across * x, y, pixels);
    covers[index] = cover;
    lights[index] = cover * (1 - (1 - textureDarkness) * dark);
  }
  let best = fitColor(region, lights, covers);
  for (let blurs = 0; blurs < mostBlurs; blurs++) {
    covers = blur(covers, indices, pixels);
    lights = texture === "plain" ? covers : blur(lights, indices, pixels);
    const fit = fitColor(region, lights, covers);
    // Softer than the picture: even softer would be farther.
    if (fit.error >= best.error) break;
    best = fit;
  }
  return best;
}

/** The name whose value is closest to the colour, or null where even that one is farther than `most` away. */
export function nearestName<Name extends string>(
  color: Rgb,
  known: { names: readonly Name[]; values: Readonly<Record<Name, Rgb>>; most: number },
): Name | null {
  let best: { name: Name | null; error: number } = { name: null, error: known.most };
  for (const name of known.names) {
    const value = known.values[name];
    const error = Math.hypot(color[0] - value[0], color[1] - value[1], color[2] - value[2]);
    if (error < best.error) best = { name, error };
  }
  return best.name;
}

/** The colour K that makes lights · K + (1 - covers) · G closest to the pixels, and the sum of the squares that remain. */
function fitColor(region: Region, lights: Float32Array, covers: Float32Array): ColorFit {
  const { ground, indices, differences } = region;
  // One walk over the pixels for all sums: checking pictures spends much of its time here.
  let [lightLight, lightCover, coverCover] = [0, 0, 0];
  const [lightSeen, coverSeen, seenSeen] = [new Float64Array(3), new Float64Array(3), new Float64Array(3)];
  for (let at = 0; at < indices.length; at++) {
    const index = indices[at] ?? 0;
    const light = lights[index] ?? 0;
    const cover = covers[index] ?? 0;
    lightLight += light * light;
    lightCover += light * cover;
    coverCover += cover * cover;
    for (let channel = 0; channel < 3; channel++) {
      const seen = differences[at * 3 + channel] ?? 0;
      lightSeen[channel] = (lightSeen[channel] ?? 0) + light * seen;
      coverSeen[channel] = (coverSeen[channel] ?? 0) + cover * seen;
      seenSeen[channel] = (seenSeen[channel] ?? 0) + seen * seen;
    }
  }
  const value: [number, number, number] = [0, 0, 0];
  let error = 0;
  for (const channel of [0, 1, 2] as const) {
    // A pixel less what it has of the ground is its difference from the ground and cover · G.
    const level = ground[channel];
    const product = (lightSeen[channel] ?? 0) + level * lightCover;
    const square = (seenSeen[channel] ?? 0) + 2 * level * (coverSeen[channel] ?? 0) + level * level * coverCover;
    value[channel] = product / lightLight;
    error += square - (product * product) / lightLight;
  }
  return { value, error };
}

/** Values at these indices after a small blur, in a picture that is 0 at its edge. */
function blur(values: Float32Array, indices: readonly number[], pixels: number): Float32Array {
  const end = (1 - blurMiddle) / 2;
  const row = (at: number): number =>
    blurMiddle * (values[at] ?? 0) + end * ((values[at - 1] ?? 0) + (values[at + 1] ?? 0));
  const blurred = new Float32Array(values.length);
  for (const index of indices) {
    blurred[index] = blurMiddle * row(index) + end * (row(index - pixels) + row(index + pixels));
  }
  return blurred;
}
