import type { Command } from "commander";
import { addModelFlag } from "./bundled.ts";
import { addSamplingFlags, type SamplingFlags } from "./sampling-flags.ts";

export type JourneyFlags = SamplingFlags & {
  model: string;
  output: string;
  frames: string;
  candidates: string;
  fps?: string;
  loop?: boolean;
  json?: boolean;
};

export function journeyCommand(program: Command): void {
  const command = program
    .command("journey")
    .description("draw the way from one sentence or picture to another, as a film or a strip")
    .argument("<stops...>", "two or more sentences, and files of pictures");
  addModelFlag(command)
    .option(
      "-o, --output <file>",
      "the film, .webp or .gif, or the strip of all frames, .png; a taken name gets a number, nothing is overwritten",
      "journey.webp",
    )
    .option("--frames <n>", "how many pictures, the stops among them", "16")
    .option(
      "--candidates <n>",
      "how many to draw for each frame; the path through them that is good and smooth is taken",
      "1",
    )
    .option("--fps <n>", "frames a second of a film (default: 8)")
    .option("--loop", "a film goes there and back again, so that it has no jump");
  addSamplingFlags(command)
    .option("--json", "print what was written as JSON")
    .action(async (stops: string[], flags: JourneyFlags) => {
      const { runJourney } = await import("./journey-run.ts");
      await runJourney(stops, flags);
    });
}
