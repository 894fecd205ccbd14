import { writeFileExclusive } from "../io/atomic.ts";
import type { PictureOrigin } from "./picture-origin.ts";
import { describedPng, type GeneratedPicture } from "./picture.ts";

/** What is needed to draw all pictures of a grid again: a picture's origin, with lists of what each has for itself. */
export type GridOrigin = Omit<PictureOrigin, "seed" | "batch" | "score"> & {
  seeds: readonly number[];
  scores: readonly number[];
};

/** @param pictures of one drawing, so that they differ in seed, place and score alone */
export function gridOrigin(pictures: readonly GeneratedPicture[]): GridOrigin {
  const [first] = pictures;
  if (!first) throw new RangeError("a grid needs at least one picture, got none");
  const { seed: _seed, batch: _batch, score: _score, ...shared } = first.origin;
  return { ...shared, seeds: pictures.map(({ seed }) => seed), scores: pictures.map(({ score }) => score) };
}

/** The pictures of one drawing in one PNG, side by side and row by row, in which their origin stands. */
export async function gridPng(
  pictures: readonly GeneratedPicture[],
  { columns = Math.ceil(Math.sqrt(pictures.length)), metadata = true }: { columns?: number; metadata?: boolean } = {},
): Promise<Uint8Array> {
  const origin = gridOrigin(pictures);
  const png = await sideBySide(pictures, columns);
  return !metadata ? png : describedPng(png, { description: origin.prompt, origin });
}

/** Writes `gridPng`, and gives the path, which has a number where the name is taken. Never overwrites. */
export async function saveGrid(
  path: string,
  pictures: readonly GeneratedPicture[],
  options: { columns?: number; metadata?: boolean } = {},
): Promise<string> {
  return writeFileExclusive(path, await gridPng(pictures, options));
}

/** Pictures of one size in one PNG, without a word. */
export async function sideBySide(pictures: readonly GeneratedPicture[], columns: number): Promise<Uint8Array> {
  // Only now, as in a picture's own PNG.
  const { pictureGrid } = await import("../data/picture-grid.ts");
  const size = pictures[0]?.size ?? 0;
  return (await pictureGrid(Buffer.concat(pictures.map(({ pixels }) => pixels)), { size, columns })).png;
}
