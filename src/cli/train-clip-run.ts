import { clipTraining, toDisk, type ClipTraining } from "../config.ts";
import type { PictureSet } from "../data/pictures.ts";
import { trainBpe } from "../io/tokenizers/train-bpe.ts";
import { Clip } from "../models/clip.ts";
import { clipPresets, type ClipConfig, type ClipPresetName } from "../models/clip-config.ts";
import { withAverage } from "../optim/ema.ts";
import { manualSeed } from "../tensor/random.ts";
import { clipStage } from "../train/clip.ts";
import { clipTextStage } from "../train/clip-text.ts";
import { initialNetwork } from "./presets.ts";
import { withProcesses } from "./processes.ts";
import { readSettings } from "./settings.ts";
import { UserError } from "./errors.ts";
import { numberFlag } from "./number-flag.ts";
import { captionedScenes, loadPictures, runTraining, sceneConfig } from "./training.ts";
import type { TrainClipFlags } from "./train-clip.ts";

type Flags = TrainClipFlags & Record<string, unknown>;

export async function runTrainClip(paths: string[], flags: Flags): Promise<void> {
  await withProcesses(readSettings(clipTraining, flags), (config) => train(paths, flags, config));
}

async function train(paths: string[], flags: Flags, config: ClipTraining): Promise<void> {
  if (config.lockImage && flags.initFrom === undefined) {
    throw new UserError("--lock-image needs --init-from: the CLIP whose picture tower stays as it is");
  }
  const known = await initialNetwork(flags, (path) => Clip.fromPretrained(path));
  const imageSize = (known?.config ?? presetOf(flags.preset)).vision.imageSize;
  const pictures =
    captionedScenes(flags, { size: imageSize, alike: config.together }) ??
    (await loadPictures(paths, { size: imageSize, captions: true }));
  const clip = known ?? newClip(pictures, { ...flags, seed: config.seed });
  const from = flags.initFrom === undefined ? { preset: flags.preset } : { initFrom: flags.initFrom };
  const described = { stage: "clip", ...from, pictures: pictures.count, ...sceneConfig(flags), ...config };
  const stage = (config.lockImage ? clipTextStage : clipStage)({ clip, pictures, config });
  await runTraining(stage, {
    flags,
    config: toDisk(described),
    settings: config,
    parameters: clip.parameterCount,
    results: {
      clip: (folder) => withAverage(stage.ema, () => clip.eval().savePretrained(folder, { dtype: flags.saveDtype })),
    },
  });
}

/** A CLIP that knows nothing yet, with a vocabulary of the captions. */
function newClip(
  pictures: PictureSet,
  { preset: name, vocabSize, seed }: Pick<TrainClipFlags, "preset" | "vocabSize"> & { seed: number },
): Clip {
  const preset = presetOf(name);
  const tokenizer = trainBpe((pictures.captions ?? []).flat(), {
    vocabSize: numberFlag("--vocab-size", vocabSize, { least: 514, whole: true }),
  });
  manualSeed(seed);
  return new Clip({ ...preset, text: { ...preset.text, vocabSize: tokenizer.vocabSize } }, tokenizer);
}

function presetOf(name: string): ClipConfig {
  if (isPreset(name)) return clipPresets[name];
  throw new UserError(`unknown preset ${name}; known: ${Object.keys(clipPresets).join(", ")}`);
}

function isPreset(name: string): name is ClipPresetName {
  return name in clipPresets;
}
