/** Colour and texture of an object whose shape and place are known. */

import { compositionTexturePeriod } from "./composition-drawing.ts";
import { darkShare } from "./scene-drawing.ts";
import type { PictureBytes } from "./scene-measures.ts";
import { type Color, colors, colorValues, type Rgb, type Texture, textureDarkness } from "./scenes.ts";
import { coverOf, type PlacedShape } from "./shape-fit.ts";

/** Farther than this in RGB from every known colour is no known colour: the closest two are 73 apart. */
const mostColorError = 70;

/** The middle of a blur by 0.7 pixels, which is about what a decoder's pictures have; the ends are what is left on each side. */
const blurMiddle = 0.58;

/** Textures, and stripes the other way as well: training mirrors pictures. */
const ways: readonly { texture: Texture; across: 1 | -1 }[] = [
  { texture: "plain", across: 1 },
  { texture: "striped", across: 1 },
  { texture: "striped", across: -1 },
  { texture: "dotted", across: 1 },
];

export type Paint = { color: Color | null; texture: Texture };

/**
 * The colour and the texture with which the object, drawn at its place, comes closest to the picture.
 *
 * A pixel that the shape covers by c and the texture's dark part by d is c (1 - 0.3 d) K + (1 - c) G, with G the ground.
 * For each texture, sharp and blurred, the best colour K follows by least squares, and the one with the smallest error is
 * taken. So neither soft edges nor dark parts falsify the colour.
 */
export function paintOf(options: { rgb: PictureBytes; pixels: number; ground: Rgb; match: PlacedShape }): Paint {
  const { rgb, pixels, ground, match } = options;
  const covered = coverOf(match, pixels);
  const sharpCover = new Float32Array(pixels * pixels);
  for (const { index, cover } of covered) sharpCover[index] = cover;
  const within = covered.filter(({ cover }) => cover >= 0.5).map(({ index }) => index);
  let best: { error: number; texture: Texture; value: Rgb } = { error: Infinity, texture: "plain", value: ground };
  const covers = { sharp: sharpCover, blurred: blur(sharpCover, within, pixels) };
  for (const { texture, across } of ways) {
    const light = new Float32Array(pixels * pixels);
    for (const { index, cover, x, y } of covered) {
      const dark = darkShare({ texture, texturePeriod: compositionTexturePeriod }, across * x, y, pixels);
      light[index] = cover * (1 - (1 - textureDarkness) * dark);
    }
    for (const sharpness of ["sharp", "blurred"] as const) {
      const lights = sharpness === "sharp" ? light : blur(light, within, pixels);
      const fit = fitColor({ rgb, ground, within, lights, covers: covers[sharpness] });
      if (fit.error < best.error) best = { ...fit, texture };
    }
  }
  return {
    color: nearestName(best.value, { names: colors, values: colorValues, most: mostColorError }),
    texture: best.texture,
  };
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
function fitColor(options: {
  rgb: PictureBytes;
  ground: Rgb;
  within: readonly number[];
  lights: Float32Array;
  covers: Float32Array;
}): { value: Rgb; error: number } {
  const { rgb, ground, within, lights, covers } = options;
  const value: [number, number, number] = [0, 0, 0];
  let error = 0;
  for (const channel of [0, 1, 2] as const) {
    let [product, square, seen] = [0, 0, 0];
    for (const index of within) {
      const level = (rgb[index * 3 + channel] ?? 0) - (1 - (covers[index] ?? 0)) * ground[channel];
      const light = lights[index] ?? 0;
      product += level * light;
      square += light * light;
      seen += level * level;
    }
    value[channel] = product / square;
    error += seen - (product * product) / square;
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
