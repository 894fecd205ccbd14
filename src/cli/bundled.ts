import { fileURLToPath } from "node:url";
import { existsSync } from "node:fs";
import { basename } from "node:path";
import { Option, type Command } from "commander";

// What comes with the program.

/** The small CLIP of the demo: trained on scenes and their sentences (see its README). */
export const scenesClip: string = asset("scenes-clip");

/** A whole model, of emoji, fruit and vegetables (see its README): draws where no other is named. */
export const bundledModel: string = asset("emoji-and-produce");

/** `-m`, for commands that draw. */
export function addModelFlag(command: Command): Command {
  return command.addOption(
    new Option("-m, --model <folder>", "the model")
      .default(bundledModel, "the one that comes along: emoji, fruit and vegetables")
      // Its pictures call it by its name.
      .argParser((path) => (path === basename(bundledModel) && !existsSync(path) ? bundledModel : path)),
  );
}

function asset(name: string): string {
  return fileURLToPath(new URL(`../../assets/${name}`, import.meta.url));
}
