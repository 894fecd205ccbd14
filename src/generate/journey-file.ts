import { extname } from "node:path";
import { writeFileExclusive } from "../io/atomic.ts";
import { xmpPacket } from "../io/xmp.ts";
import { sideBySide } from "./grid-file.ts";
import type { PictureOrigin } from "./picture-origin.ts";
import { describedPng, type GeneratedPicture } from "./picture.ts";

/** What is needed to draw all frames again. Lists have an entry for each frame. */
export type JourneyOrigin = Omit<PictureOrigin, "prompt" | "blend" | "seed" | "score"> & {
  /** The sentences, and pictures' files. */
  stops: readonly string[];
  /** The weight of the next stop, with which the frame is a blend; 0 at a stop. */
  weights: readonly number[];
  seeds: readonly number[];
  scores: readonly number[];
};

export type FilmSettings = {
  /** Frames a second. Default 8. */
  fps?: number;
  /** There and back again, so that the film has no jump where it starts over. */
  loop?: boolean;
};

/** How a journey is written: a strip of frames side by side, or a film. */
export const journeyEndings: readonly string[] = [".png", ".webp", ".gif"];

/**
 * Writes a journey as its path's ending says, and gives the path, which has a number where the name is taken: `.png` is a
 * strip of all frames; `.webp`, without loss, and `.gif`, with 256 colours, are films. The strip and the WebP carry the
 * journey's origin. Never overwrites.
 * @throws RangeError when the ending is another one, or the format cannot show so many frames a second
 */
export async function saveJourney(
  path: string,
  frames: readonly GeneratedPicture[],
  settings: FilmSettings = {},
): Promise<string> {
  const about = aboutJourney(frames);
  const ending = extname(path).toLowerCase();
  if (ending === ".png") {
    return writeFileExclusive(path, describedPng(await sideBySide(frames, frames.length), about));
  }
  if (ending !== ".webp" && ending !== ".gif") {
    throw new RangeError(`${path}: a journey is written as ${journeyEndings.join(", ")}`);
  }
  const { fps = 8, loop = false } = settings;
  const { film, thereAndBack } = await import("../data/film.ts");
  const shown = loop ? thereAndBack(frames) : frames;
  const bytes = await film(Buffer.concat(shown.map(({ pixels }) => pixels)), {
    size: frames[0]?.size ?? 0,
    fps,
    ...(ending === ".gif" ? { format: "gif" } : { format: "webp", xmp: xmpPacket(about) }),
  });
  return writeFileExclusive(path, bytes);
}

function aboutJourney(frames: readonly GeneratedPicture[]): { description: string; origin: JourneyOrigin } {
  const [first] = frames;
  if (!first) throw new RangeError("a journey needs at least one frame, got none");
  const { prompt: _prompt, blend: _blend, seed: _seed, score: _score, ...shared } = first.origin;
  const stops = frames.filter(({ origin }) => !origin.blend).map(({ origin }) => origin.prompt);
  const weights = frames.map(({ origin }) => origin.blend?.[0]?.weight ?? 0);
  const [seeds, scores] = [frames.map(({ seed }) => seed), frames.map(({ score }) => score)];
  return { description: stops.join(" → "), origin: { stops, ...shared, weights, seeds, scores } };
}
