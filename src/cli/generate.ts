import { writeFileExclusive } from "../io/atomic.ts";
import { dirname, extname } from "node:path";
import { mkdirSync } from "node:fs";
import type { Command } from "commander";
import { pictureGrid } from "../data/picture-grid.ts";
import { ClipGen, type GenerateOptions } from "../generate/pipeline.ts";
import type { GeneratedPicture } from "../generate/picture.ts";
import { parseDevice } from "../tensor/engine.ts";
import { UserError } from "./errors.ts";
import { interruptSignal } from "./interrupt.ts";

type Flags = {
  model: string;
  output: string;
  number: string;
  candidates?: string;
  seed: string;
  temperature: string;
  topK?: string;
  topP: string;
  guidance: string;
  beams?: string;
  batchSize: string;
  device: string;
  grid?: boolean;
  json?: boolean;
};

export function generateCommand(program: Command): void {
  const command = program.command("generate").description("draw a sentence").argument("<prompt>", "what to draw");
  addDrawingFlags(command).action(async (prompt: string, flags: Flags) => {
    await draw(flags, (model, options) => model.generate(prompt, options));
  });
}

export function varyCommand(program: Command): void {
  const command = program
    .command("vary")
    .description("draw pictures like a picture: the condition is an embedding, so a picture will do")
    .argument("<picture>", "the picture's file");
  addDrawingFlags(command).action(async (picture: string, flags: Flags) => {
    await draw(flags, (model, options) => model.vary(picture, options));
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
    .option("-n, --number <n>", "how many pictures", "1")
    .option("--candidates <n>", "how many to draw; CLIP picks the best of them (default: the number of pictures)")
    .option("--seed <n>", "seed of the first candidate; the same seed draws the same picture", "0")
    .option("--temperature <t>", "below 1 is safer, above 1 is wilder; 0 always takes the likeliest token", "1")
    .option("--top-k <k>", "draw only from the k likeliest tokens")
    .option("--top-p <p>", "draw only from the likeliest tokens that together reach this probability", "0.9")
    .option("--guidance <scale>", "how much more the words count; 1 is off", "1")
    .option("--beams <n>", "beam search in place of chance, with this many beams; 4 is usual")
    .option("--batch-size <n>", "candidates at a time", "64")
    .option("--device <name>", "cpu, cuda or cuda:N", "cpu")
    .option("--grid", "one PNG with all pictures side by side")
    .option("--json", "print what was written as JSON");
}

async function draw(
  flags: Flags,
  run: (model: ClipGen, options: GenerateOptions) => Promise<GeneratedPicture[]>,
): Promise<void> {
  const options = drawingOptions(flags);
  if (![".png", ""].includes(extname(flags.output).toLowerCase())) {
    throw new UserError(`--output ${flags.output}: pictures are written as .png`);
  }
  const model = await ClipGen.fromPretrained(flags.model, { device: parseDevice(flags.device) });
  const { signal, done } = interruptSignal("stopping; nothing has been written");
  try {
    const pictures = await run(model, { ...options, signal });
    const written = await write(pictures, flags);
    if (flags.json) console.log(JSON.stringify(written, undefined, 2));
    else for (const { file, seed, score } of written) console.log(`${file}  seed ${seed}  score ${score.toFixed(4)}`);
  } finally {
    done();
  }
}

type Written = { file: string; seed: number; score: number };

async function write(pictures: readonly GeneratedPicture[], flags: Flags): Promise<Written[]> {
  const output = extname(flags.output) === "" ? `${flags.output}.png` : flags.output;
  mkdirSync(dirname(output), { recursive: true });
  if (!flags.grid) {
    const written: Written[] = [];
    for (const picture of pictures)
      written.push({ file: await picture.save(output), seed: picture.seed, score: picture.score });
    return written;
  }
  const size = pictures[0]?.size ?? 0;
  const columns = Math.ceil(Math.sqrt(pictures.length));
  const grid = await pictureGrid(Buffer.concat(pictures.map((picture) => picture.pixels)), { size, columns });
  const file = writeFileExclusive(output, grid.png);
  return pictures.map(({ seed, score }) => ({ file, seed, score }));
}

function drawingOptions(flags: Flags): GenerateOptions {
  const count = numberFlag("--number", flags.number, { least: 1, whole: true });
  const options: GenerateOptions = {
    count,
    candidates: Math.max(
      count,
      numberFlag("--candidates", flags.candidates ?? flags.number, { least: 1, whole: true }),
    ),
    seed: numberFlag("--seed", flags.seed, { least: 0, whole: true }),
    temperature: numberFlag("--temperature", flags.temperature, { least: 0 }),
    topP: numberFlag("--top-p", flags.topP, { least: 0, most: 1 }),
    guidanceScale: numberFlag("--guidance", flags.guidance, { least: 0 }),
    batchSize: numberFlag("--batch-size", flags.batchSize, { least: 1, whole: true }),
  };
  if (flags.topK !== undefined) options.topK = numberFlag("--top-k", flags.topK, { least: 1, whole: true });
  if (flags.beams !== undefined) options.beams = numberFlag("--beams", flags.beams, { least: 1, whole: true });
  return options;
}

/** A number from the command line, within limits. */
export function numberFlag(
  name: string,
  text: string,
  limits: { least: number; most?: number; whole?: boolean },
): number {
  const value = Number(text);
  const { least, most = Infinity, whole = false } = limits;
  if (text.trim() === "" || !(value >= least && value <= most) || (whole && !Number.isInteger(value))) {
    const range = most === Infinity ? `of at least ${least}` : `from ${least} to ${most}`;
    throw new UserError(`${name} ${text}: expected a ${whole ? "whole " : ""}number ${range}`);
  }
  return value;
}
