import { existsSync, mkdirSync } from "node:fs";
import { dirname, extname } from "node:path";
import { isImageFile } from "../data/images.ts";
import { journeyEndings, saveJourney, type FilmSettings } from "../generate/journey-file.ts";
import { type Drawable, type JourneyOptions } from "../generate/pipeline.ts";
import { drawingModel } from "./drawing-model.ts";
import { UserError } from "./errors.ts";
import { interruptSignal } from "./interrupt.ts";
import type { JourneyFlags } from "./journey.ts";
import { numberFlag } from "./number-flag.ts";
import { samplingSettings } from "./sampling-flags.ts";

export async function runJourney(names: readonly string[], flags: JourneyFlags): Promise<void> {
  const options = journeyOptions(names.length, flags);
  const output = extname(flags.output) === "" ? `${flags.output}.webp` : flags.output;
  const film = filmSettings(output, flags);
  const model = await drawingModel(flags);
  const { signal, done } = interruptSignal("stopping; nothing has been written");
  try {
    const frames = await model.journey(names.map(stopOf), { ...options, signal });
    mkdirSync(dirname(output), { recursive: true });
    const file = await saveJourney(output, frames, film);
    const drawn = frames.map(({ origin: { prompt, blend, seed, score } }) => ({ prompt, blend, seed, score }));
    if (flags.json) console.log(JSON.stringify({ file, frames: drawn }, undefined, 2));
    else {
      const score = frames.reduce((sum, frame) => sum + frame.score, 0) / frames.length;
      console.log(`${file}  ${frames.length} frames  mean score ${score.toFixed(4)}`);
    }
  } finally {
    done();
  }
}

/** A picture where there is such a file, else words. */
function stopOf(name: string): Drawable {
  return existsSync(name) && isImageFile(name) ? { picture: name } : { prompt: name };
}

function journeyOptions(stops: number, flags: JourneyFlags): JourneyOptions {
  if (stops < 2) throw new UserError(`a journey needs at least two stops, got ${stops}`);
  return {
    ...samplingSettings(flags),
    frames: numberFlag("--frames", flags.frames, { least: stops, whole: true }),
    candidates: numberFlag("--candidates", flags.candidates, { least: 1, whole: true }),
  };
}

function filmSettings(output: string, { fps, loop }: JourneyFlags): FilmSettings {
  const ending = extname(output).toLowerCase();
  if (!journeyEndings.includes(ending)) {
    throw new UserError(`--output ${output}: a journey is written as ${journeyEndings.join(", ")}`);
  }
  if (ending === ".png" && (fps !== undefined || loop)) {
    throw new UserError(`--output ${output}: a strip is no film; --fps and --loop go with .webp and .gif`);
  }
  const most = ending === ".gif" ? 50 : 1000;
  return {
    ...(fps !== undefined && { fps: numberFlag("--fps", fps, { least: 0.02, most }) }),
    ...(loop && { loop }),
  };
}
