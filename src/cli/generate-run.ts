import { mkdirSync } from "node:fs";
import { dirname, extname } from "node:path";
import { type ClipGen, type Blend, type GenerateOptions } from "../generate/pipeline.ts";
import type { DrawProgress } from "../generate/draw-rows.ts";
import { saveGrid } from "../generate/grid-file.ts";
import type { GeneratedPicture } from "../generate/picture.ts";
import { drawingModel } from "./drawing-model.ts";
import { UserError } from "./errors.ts";
import { interruptSignal } from "./interrupt.ts";
import type { DrawingFlags } from "./generate.ts";
import { numberFlag } from "./number-flag.ts";
import { countPrinter } from "./progress.ts";
import { samplingSettings } from "./sampling-flags.ts";
import { showsPictures, terminalPictures } from "./terminal-picture.ts";

export async function runGenerate(prompt: string, flags: DrawingFlags): Promise<void> {
  await draw(flags, async (model, options) => {
    const pictures = await model.generate(prompt, options);
    const note = model.remarkOn(pictures);
    if (note !== undefined) console.error(`note: ${note}`);
    return pictures;
  });
}

export async function runVary(picture: string, flags: DrawingFlags): Promise<void> {
  await draw(flags, (model, options) => model.vary(picture, options));
}

async function draw(
  flags: DrawingFlags,
  run: (model: ClipGen, options: GenerateOptions) => Promise<GeneratedPicture[]>,
): Promise<void> {
  const options = drawingOptions(flags);
  if (![".png", ""].includes(extname(flags.output).toLowerCase())) {
    throw new UserError(`--output ${flags.output}: pictures are written as .png`);
  }
  const model = await drawingModel(flags);
  const { signal, done } = interruptSignal("stopping; nothing has been written");
  try {
    // Anything but a terminal gets the files' names alone.
    const print = process.stdout.isTTY && !flags.json ? countPrinter("drawing") : undefined;
    const onProgress = print && (({ tokens, length }: DrawProgress): void => print(tokens, length));
    const pictures = await run(model, { ...options, signal, ...(onProgress && { onProgress }) });
    const written = await write(pictures, flags);
    if (!flags.json && showsPictures(process.stdout))
      console.log(terminalPictures(pictures, process.stdout.columns || 80));
    if (flags.json) console.log(JSON.stringify(written, undefined, 2));
    else for (const { file, seed, score } of written) console.log(`${file}  seed ${seed}  score ${score.toFixed(4)}`);
  } finally {
    done();
  }
}

type Written = { file: string; seed: number; score: number };

async function write(pictures: readonly GeneratedPicture[], flags: DrawingFlags): Promise<Written[]> {
  const output = extname(flags.output) === "" ? `${flags.output}.png` : flags.output;
  mkdirSync(dirname(output), { recursive: true });
  if (!flags.grid) {
    const written: Written[] = [];
    for (const picture of pictures)
      written.push({ file: await picture.save(output, flags), seed: picture.seed, score: picture.score });
    return written;
  }
  const file = await saveGrid(output, pictures, flags);
  return pictures.map(({ seed, score }) => ({ file, seed, score }));
}

/** `a lion:0.5`, or `a lion`: what has no weight of its own shares evenly with what is drawn what the others leave. */
export function blendOf({ blend = [], from = [] }: Pick<DrawingFlags, "blend" | "from">): Blend[] {
  const parts = [
    ...blend.map((value) => ({ ...weighted("--blend", value), isPicture: false })),
    ...from.map((value) => ({ ...weighted("--from", value), isPicture: true })),
  ];
  const given = parts.reduce((sum, { weight = 0 }) => sum + weight, 0);
  const share = Math.max(0, 1 - given) / (1 + parts.filter(({ weight }) => weight === undefined).length);
  return parts.map(({ name, weight = share, isPicture }) =>
    isPicture ? { picture: name, weight } : { prompt: name, weight },
  );
}

function weighted(flag: string, value: string): { name: string; weight: number | undefined } {
  const [, name = value, weight] = /^(.+):(\d*\.?\d+)$/.exec(value) ?? [];
  return { name, weight: weight === undefined ? undefined : numberFlag(flag, weight, { least: 0, most: 1 }) };
}

function drawingOptions(flags: DrawingFlags): GenerateOptions {
  const count = numberFlag("--number", flags.number, { least: 1, whole: true });
  const options: GenerateOptions = {
    ...samplingSettings(flags),
    count,
    candidates: Math.max(
      count,
      numberFlag("--candidates", flags.candidates ?? flags.number, { least: 1, whole: true }),
    ),
  };
  const blend = blendOf(flags);
  if (blend.length > 0) options.blend = blend;
  if (flags.negative !== undefined) {
    if (options.guidanceScale === 1) {
      throw new UserError("--negative works through guidance, which is off: add --guidance 3, say");
    }
    options.negativePrompt = flags.negative;
  }
  if (flags.beams !== undefined) options.beams = numberFlag("--beams", flags.beams, { least: 1, whole: true });
  return options;
}
