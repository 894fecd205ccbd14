import { existsSync, mkdirSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { toDisk, type CommonTraining, type GptTraining, type VqganTraining } from "../config.ts";
import { readEncoded, writeEncoded, type EncodedSet } from "../data/encoded.ts";
import { streamOf, type PictureSet } from "../data/pictures.ts";
import { writeFileAtomic, writeFolderAtomic } from "../io/atomic.ts";
import type { Clip } from "../models/clip.ts";
import { Gpt } from "../models/gpt.ts";
import type { GptSize } from "../models/gpt-config.ts";
import { writeJson } from "../io/json.ts";
import { withAverage } from "../optim/ema.ts";
import { Vqgan } from "../models/vqgan.ts";
import type { VqganConfig } from "../models/vqgan-config.ts";
import { parseDevice } from "../tensor/engine.ts";
import { manualSeed } from "../tensor/random.ts";
import { encodePictures } from "./encode.ts";
import { drawnSample } from "./gpt-samples.ts";
import { gptStage } from "./gpt.ts";
import { runStage, type Progress, type Stage } from "./loop.ts";
import { modelCard } from "./model-card.ts";
import type { PerceptualLoss } from "./vqgan-loss.ts";
import { vqganStage } from "./vqgan.ts";

export type GeneratorOptions = {
  /** Becomes the model; the runs and the encoded pictures lie in it, too. */
  folder: string;
  pictures: PictureSet;
  clip: Clip;
  vqgan: { network: VqganConfig; training: VqganTraining; perceptual?: PerceptualLoss | undefined };
  gpt: {
    network: GptSize;
    training: GptTraining;
    /** Asked when the GPT's turn comes, in place of `training.steps`: for those who train by the clock. */
    steps?: () => number;
  };
  /** What `model.json` tells of where the pictures came from. */
  about: Record<string, unknown>;
  onProgress?: (progress: Progress) => void;
  onEncoded?: (done: number, total: number) => void;
  signal?: AbortSignal | undefined;
};

/**
 * All of CLIP-GEN's training in one go: VQGAN, encoding, GPT. What is finished in the folder is not done again, and a
 * run that was stopped goes on where it was. Returns whether all of it is done: false after the signal.
 */
export async function trainGenerator(options: GeneratorOptions): Promise<boolean> {
  const { folder, clip } = options;
  mkdirSync(folder, { recursive: true });
  await once(join(folder, "clip"), (path) => clip.savePretrained(path));
  const vqgan = await trainVqgan(options);
  if (!vqgan) return false;
  const data = await encode(options, vqgan);
  if (!(await trainGpt(options, data, vqgan))) return false;
  await describe(options, { vqgan, data });
  return true;
}

/** The card with its grid, and at last `model.json`, which says that the model is whole. */
async function describe(
  { folder, pictures, vqgan: wanted, gpt: wantedGpt, about }: GeneratorOptions,
  { vqgan, data }: { vqgan: Vqgan; data: EncodedSet },
): Promise<void> {
  const training = plannedTraining(wantedGpt);
  using gpt = (await Gpt.fromPretrained(join(folder, "gpt"))).to(parseDevice(training.device));
  const { png } = await drawnSample({ gpt, vqgan, data });
  writeFileAtomic(join(folder, "grid.png"), png);
  const card = modelCard({
    name: basename(resolve(folder)),
    pictures: { count: pictures.count, about: [about["pictures"]].flat().join(", ") },
    vqgan: { network: vqgan.config, training: wanted.training },
    gpt: { network: gpt.config, training },
  });
  writeFileAtomic(join(folder, "README.md"), card);
  writeJson(join(folder, "model.json"), {
    format: "clip-gen model",
    version: 1,
    ...about,
    training: { pictures: pictures.count, vqgan: toDisk(wanted.training), gpt: toDisk(training) },
  });
}

async function trainVqgan(options: GeneratorOptions): Promise<Vqgan | undefined> {
  const { folder, pictures, vqgan: wanted } = options;
  const path = join(folder, "vqgan");
  if (!existsSync(path)) {
    manualSeed(wanted.training.seed);
    const vqgan = new Vqgan(wanted.network);
    const { training: config, perceptual } = wanted;
    const stage = vqganStage({ vqgan, pictures, config, perceptual });
    const settings = { stage: "vqgan", network: wanted.network, pictures: pictures.count, ...config };
    if (!(await runPart(options, stage, config, settings))) return undefined;
    const save = (): Promise<void> => once(path, (temporary) => vqgan.eval().savePretrained(temporary));
    await withAverage(stage.ema, save);
    vqgan.dispose();
  }
  return (await Vqgan.fromPretrained(path)).to(parseDevice(wanted.training.device)).setTrainable(false);
}

async function encode(options: GeneratorOptions, vqgan: Vqgan): Promise<EncodedSet> {
  const { folder, pictures, clip, gpt, onEncoded, signal } = options;
  const path = join(folder, "encoded");
  if (!existsSync(join(path, "index.json"))) {
    const { objective, device, precision, flip } = gpt.training;
    const encoded = encodePictures(streamOf(pictures), {
      clip,
      vqgan,
      flip,
      keepPictures: objective.reconstruction > 0 || objective.contrastive > 0,
      device: parseDevice(device),
      precision,
      ...(onEncoded && { onProgress: onEncoded }),
      signal,
    });
    await writeEncoded(path, encoded);
  }
  return readEncoded(path);
}

async function trainGpt(options: GeneratorOptions, data: EncodedSet, vqgan: Vqgan): Promise<boolean> {
  const { folder, clip, gpt: wanted } = options;
  const path = join(folder, "gpt");
  if (existsSync(path)) return true;
  const [h, w] = data.grid;
  const { codebookSize, embedDim: conditionDim } = data;
  manualSeed(wanted.training.seed);
  const anyOrder = wanted.training.randomOrder > 0 && { anyOrder: true };
  const gpt = new Gpt({ ...wanted.network, codebookSize, tokenCount: h * w, conditionDim, ...anyOrder });
  const config = plannedTraining(wanted);
  const stage = gptStage({ gpt, data, config, vqgan, clip });
  const settings = { stage: "gpt", network: gpt.config, pictures: data.count, ...config };
  if (!(await runPart(options, stage, config, settings))) return false;
  const save = (): Promise<void> => once(path, (temporary) => gpt.eval().savePretrained(temporary));
  await withAverage(stage.ema, save);
  gpt.dispose();
  return true;
}

function plannedTraining({ training, steps }: GeneratorOptions["gpt"]): GptTraining {
  return steps ? { ...training, steps: steps() } : training;
}

/** Runs a stage in `runs/`, or goes on with it. */
async function runPart(
  options: GeneratorOptions,
  stage: Stage,
  config: CommonTraining,
  settings: Record<string, unknown>,
): Promise<boolean> {
  const folder = join(options.folder, "runs", stage.name);
  const { steps, sampleEvery, checkpointEvery, keepCheckpoints, retries } = config;
  const done = await runStage(stage, {
    folder,
    config: toDisk(settings),
    resume: existsSync(join(folder, "config.json")),
    steps,
    sampleEvery,
    checkpointEvery,
    keepCheckpoints,
    retries,
    ...(options.onProgress && { onProgress: options.onProgress }),
    signal: options.signal,
  });
  return done === steps;
}

async function once(path: string, fill: (folder: string) => Promise<void>): Promise<void> {
  if (!existsSync(path)) await writeFolderAtomic(path, fill);
}
