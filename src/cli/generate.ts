import { Option, type Command } from "commander";
import type { GeneratePrecision } from "../generate/pipeline.ts";

export type DrawingFlags = {
  model: string;
  output: string;
  number: string;
  candidates?: string;
  seed: string;
  temperature: string;
  topK?: string;
  topP: string;
  guidance: string;
  negative?: string;
  beams?: string;
  batchSize?: string;
  precision: GeneratePrecision;
  device: string;
  blend?: string[];
  from?: string[];
  grid?: boolean;
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
  return command
    .requiredOption("-m, --model <folder>", "the model")
    .option(
      "-o, --output <file>",
      "the PNG to write; a taken name gets a number, nothing is overwritten",
      "picture.png",
    )
    .option("--blend <words:weight>", "blend a sentence in, with its share of the whole; may be repeated", collect)
    .option("--from <picture:weight>", "blend a picture in, likewise", collect)
    .option("-n, --number <n>", "how many pictures", "1")
    .option("--candidates <n>", "how many to draw; CLIP picks the best of them (default: the number of pictures)")
    .option("--seed <n>", "seed of the first candidate; the same seed draws the same picture", "0")
    .option("--temperature <t>", "below 1 is safer, above 1 is wilder; 0 always takes the likeliest token", "1")
    .option("--top-k <k>", "draw only from the k likeliest tokens")
    .option("--top-p <p>", "draw only from the likeliest tokens that together reach this probability", "0.9")
    .option("--guidance <scale>", "how much more the words count; 1 is off", "1")
    .option("--negative <words>", "what to lead away from; needs --guidance, such as 3")
    .option("--beams <n>", "beam search in place of chance, with this many beams; 4 is usual")
    .option("--batch-size <n>", "candidates at a time (default: 64, or what fits into memory)")
    .addOption(
      new Option("--precision <name>", "int8 rounds the GPT's weights to 8 bits: faster, a little worse")
        .choices(["auto", "float32", "bfloat16", "int8"])
        .default("auto"),
    )
    .option("--device <name>", "cpu, cuda or cuda:N", "cpu")
    .option("--grid", "one PNG with all pictures side by side")
    .option("--json", "print what was written as JSON");
}

function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
}
