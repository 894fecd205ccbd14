import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { gptTraining, vqganTraining } from "../config.ts";
import { pictureGrid } from "../data/picture-grid.ts";
import { drawScenes } from "../data/pictures.ts";
import { ClipGen } from "../generate/pipeline.ts";
import { rightOf, scoreScenes, type SceneResult } from "../generate/scene-score.ts";
import { writeFileAtomic } from "../io/atomic.ts";
import { Clip } from "../models/clip.ts";
import { gptPresets } from "../models/gpt-config.ts";
import { readJson, writeJson } from "../io/json.ts";
import { vqganPresets } from "../models/vqgan-config.ts";
import { threadCount } from "../tensor/engine.ts";
import { gptStepSeconds, vqganStepSeconds } from "../train/calibrate.ts";
import { trainGenerator } from "../train/generator.ts";
import { perceptualLoss } from "../train/perceptual.ts";
import { choosePrecision } from "../train/precision.ts";
import { scenesClip } from "./bundled.ts";
import type { DemoFlags } from "./demo.ts";
import { UserError } from "./errors.ts";
import { numberFlag } from "./number-flag.ts";
import { interruptSignal } from "./interrupt.ts";
import { countPrinter, duration, progressPrinter } from "./progress.ts";

/** Sentences for the grid. Some ask for more than colour and shape, some for combinations that were kept apart. */
export const DEMO_PROMPTS: readonly string[] = [
  "a red circle",
  "a large blue square",
  "a small green triangle on a white background",
  "a yellow star on a black background",
  "an orange heart",
  "a striped purple cross",
  "a pink ring at the top left",
  "a dotted brown diamond",
  "a red heart on a beige background",
  "a red star",
  "a blue triangle",
  "a green ring on a grey background",
];

/** Shares of the time: for the two trainings, and for drawing at the end. The rest goes into making and encoding scenes. */
const SHARE = { vqgan: 0.32, gpt: 0.56, drawing: 0.05 };

export async function runDemo(flags: DemoFlags): Promise<void> {
  const start = performance.now();
  const seconds = 60 * numberFlag("--minutes", flags.minutes, { least: 0.1 });
  const seed = numberFlag("--seed", flags.seed, { least: 0, whole: true });
  const count = numberFlag("--scenes", flags.scenes, { least: 64, whole: true });
  const candidates = numberFlag("--candidates", flags.candidates, { least: 1, whole: true });
  const folder = flags.output;
  if (existsSync(join(folder, "model.json")))
    throw new UserError(`${folder} already holds a model; choose another --output`);

  const clip = await Clip.fromPretrained(scenesClip);
  const vqganNetwork = vqganPresets.tiny32;
  const gptNetwork = gptPresets.tiny;
  const pictures = drawScenes({ count, size: vqganNetwork.resolution, seed: seed + 2, heldOut: "exclude" });
  const { dtype, reason } = choosePrecision("auto", "cpu");
  console.log(`${pictures.count} synthetic pictures; ${dtype} (${reason}), ${threadCount()} threads`);

  const vqganSettings = vqganTraining.parse(VQGAN_SETTINGS(seed));
  const gptSettings = gptTraining.parse(GPT_SETTINGS(seed));
  const perceptual = perceptualLoss({ ...vqganSettings, clip });
  vqganSettings.steps = plannedSteps(folder, "vqgan", () => {
    const step = vqganStepSeconds({ network: vqganNetwork, pictures, config: vqganSettings, perceptual });
    return (seconds * SHARE.vqgan) / step;
  });
  // Planned when its turn comes: where the VQGAN took longer than it should, less is left.
  const gptSteps = (): number =>
    plannedSteps(folder, "gpt", () => {
      const left = seconds * (1 - SHARE.drawing) - (performance.now() - start) / 1000;
      const step = gptStepSeconds({ network: gptNetwork, vqgan: vqganNetwork, clip, config: gptSettings });
      return Math.min(left, seconds * SHARE.gpt) / step;
    });

  const { signal, done } = interruptSignal("saving, then stopping; run the same command again to go on");
  try {
    const finished = await trainGenerator({
      folder,
      pictures,
      clip,
      vqgan: { network: vqganNetwork, training: vqganSettings, perceptual },
      gpt: { network: gptNetwork, training: gptSettings, steps: gptSteps },
      about: { pictures: "synthetic scenes", seed },
      onProgress: progressPrinter(),
      onEncoded: countPrinter("encoding pictures"),
      signal,
    });
    if (!finished) {
      console.log("stopped; run the same command again to go on");
      process.exitCode = 130;
      return;
    }
    const model = await ClipGen.fromPretrained(folder, { thread: "main" });
    const results = await scoreScenes(model, {
      candidates,
      seed,
      onDrawn: countPrinter("drawing combinations"),
      signal,
    });
    const grid = await drawPrompts(model, { candidates, seed, signal });
    writeFileAtomic(join(folder, "sentences.png"), grid.png);
    const all = await pictureGrid(Buffer.concat(results.map(({ picture }) => picture.pixels)), {
      size: vqganNetwork.resolution,
      columns: 8,
    });
    writeFileAtomic(join(folder, "combinations.png"), all.png);
    report(results, folder);
    console.log(`all of it took ${duration((performance.now() - start) / 1000)} minutes`);
  } finally {
    done();
  }
}

const planSchema = z.object({ vqgan: z.number().int().positive(), gpt: z.number().int().positive() }).partial();

/** How many steps a stage takes: measured once, then kept in the folder, so that a stopped demo goes on as it was. */
function plannedSteps(folder: string, stage: "vqgan" | "gpt", measure: () => number): number {
  const file = join(folder, "steps.json");
  const plan = planSchema.safeParse(existsSync(file) ? readJson(file) : {});
  if (!plan.success) throw new UserError(`${file} is damaged; delete it, or choose another --output`);
  const known = plan.data[stage];
  if (known !== undefined) return known;
  const steps = Math.max(20, Math.round(measure()));
  mkdirSync(folder, { recursive: true });
  writeJson(file, { ...plan.data, [stage]: steps });
  return steps;
}

async function drawPrompts(
  model: ClipGen,
  options: { candidates: number; seed: number; signal: AbortSignal },
): Promise<{ png: Uint8Array }> {
  const pictures: Uint8Array[] = [];
  console.log("\nsentences, left to right in sentences.png:");
  for (const [i, prompt] of DEMO_PROMPTS.entries()) {
    const [best] = await model.generate(prompt, options);
    if (!best) throw new Error("no picture was drawn");
    pictures.push(best.pixels);
    console.log(`${String(i + 1).padStart(3)}  score ${best.score.toFixed(3)}  seed ${best.seed}  ${prompt}`);
  }
  return pictureGrid(Buffer.concat(pictures), { size: model.vqgan.config.resolution, columns: 4, scale: 4 });
}

function line(name: string, some: readonly SceneResult[]): string {
  const { right, of } = rightOf(some);
  const colors = some.filter(({ rightColor }) => rightColor).length;
  const shapes = some.filter(({ rightShape }) => rightShape).length;
  return `${name}: ${right} of ${of} right (colour ${colors}, shape ${shapes})`;
}

function report(results: readonly SceneResult[], folder: string): void {
  const seen = results.filter(({ heldOut }) => !heldOut);
  const heldOut = results.filter((result) => result.heldOut);
  console.log("\nevery combination of colour and shape, looked at by a checker that knows nothing of CLIP:");
  console.log(line("  combinations that were trained on", seen));
  console.log(line("  combinations that were kept out of all training", heldOut));
  writeJson(join(folder, "scores.json"), {
    trained: rightOf(seen),
    held_out: rightOf(heldOut),
    combinations: results.map(({ combination, heldOut: apart, picture, rightColor, rightShape }) => ({
      ...combination,
      held_out: apart,
      right_color: rightColor,
      right_shape: rightShape,
      score: picture.score,
      seed: picture.seed,
    })),
  });
  console.log(`\n${join(folder, "sentences.png")}     the sentences above`);
  console.log(`${join(folder, "combinations.png")}  every colour (rows) and shape (columns)`);
  console.log(`${join(folder, "scores.json")}       what the checker said`);
  console.log(`draw more:  clip-gen generate "a blue star" -m ${folder} --candidates 16`);
}

const often = { sampleEvery: 100_000, checkpointEvery: 1000, keepCheckpoints: 1 };

const VQGAN_SETTINGS = (seed: number): object => ({
  ...often,
  seed,
  // Many small steps and the square of the error: both made shapes come out sharper in the same time (docs/log.md).
  batchSize: 32,
  pixelLoss: "l2",
  lr: 2e-3,
  minLr: 1e-4,
  warmup: 50,
  discWeight: 0,
  // What the little CLIP sees in a picture counts, too: shapes come out that the pixels alone would blur.
  perceptualWeight: 0.5,
  reviveEvery: 100,
});

const GPT_SETTINGS = (seed: number): object => ({
  ...often,
  seed,
  batchSize: 64,
  lr: 1.5e-3,
  minLr: 1e-4,
  warmup: 100,
  weightDecay: 0.01,
  embeddingNoise: 0.5,
  conditionDrop: 0.1,
});
