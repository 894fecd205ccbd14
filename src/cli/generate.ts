import type { Command } from "commander";
import { addModelFlag } from "./bundled.ts";
import { addSamplingFlags, type SamplingFlags } from "./sampling-flags.ts";

export type DrawingFlags = SamplingFlags & {
  model: string;
  output: string;
  number: string;
  candidates?: string;
  negative?: string;
  beams?: string;
  blend?: string[];
  from?: string[];
  grid?: boolean;
  metadata: boolean;
  json?: boolean;
};

export function generateCommand(program: Command): void {
  const command = program.command("generate").description("draw a sentence").argument("<prompt>", "what to draw");
  addDrawingFlags(command).action(async (prompt: string, flags: DrawingFlags) => {
    const { runGenerate } = await import("./generate-run.ts");
    await runGenerate(prompt, flags);
  });
}

export function varyCommand(program: Command): void {
  const command = program
    .command("vary")
    .description("draw pictures like a picture: the condition is an embedding, so a picture will do")
    .argument("<picture>", "the picture's file");
  addDrawingFlags(command).action(async (picture: string, flags: DrawingFlags) => {
    const { runVary } = await import("./generate-run.ts");
    await runVary(picture, flags);
  });
}

function addDrawingFlags(command: Command): Command {
  addModelFlag(command)
    .option(
      "-o, --output <file>",
      "the PNG to write; a taken name gets a number, nothing is overwritten",
      "picture.png",
    )
    .option("--blend <words:weight>", "blend a sentence in, with its share of the whole; may be repeated", collect)
    .option("--from <picture:weight>", "blend a picture in, likewise", collect)
    .option("-n, --number <n>", "how many pictures", "1")
    .option("--candidates <n>", "how many to draw; CLIP picks the best of them (default: the number of pictures)");
  return addSamplingFlags(command)
    .option("--negative <words>", "what to lead away from; needs --guidance, such as 3")
    .option("--beams <n>", "beam search in place of chance, with this many beams; 4 is usual")
    .option("--grid", "one PNG with all pictures side by side")
    .option("--no-metadata", "leave out of the PNG how it was drawn")
    .option("--json", "print what was written as JSON");
}

function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
}
