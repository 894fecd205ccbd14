import { clipTraining, toDisk } from "../config.ts";
import { trainBpe } from "../io/tokenizers/train-bpe.ts";
import { Clip } from "../models/clip.ts";
import { clipPresets, type ClipPresetName } from "../models/clip-config.ts";
import { withAverage } from "../optim/ema.ts";
import { manualSeed } from "../tensor/random.ts";
import { clipStage } from "../train/clip.ts";
import { readSettings } from "./settings.ts";
import { UserError } from "./errors.ts";
import { numberFlag } from "./number-flag.ts";
import { captionedScenes, loadPictures, namedPictures, runTraining, sceneConfig } from "./training.ts";
import type { TrainClipFlags } from "./train-clip.ts";

export async function runTrainClip(paths: string[], flags: TrainClipFlags & Record<string, unknown>): Promise<void> {
  const config = readSettings(clipTraining, flags);
  if (!isPreset(flags.preset)) {
    throw new UserError(`unknown preset ${flags.preset}; known: ${Object.keys(clipPresets).join(", ")}`);
  }
  const preset = clipPresets[flags.preset];
  const { imageSize } = preset.vision;
  const pictures =
    captionedScenes(flags, imageSize) ??
    (await loadPictures(await namedPictures(paths, { captions: true }), imageSize));
  const tokenizer = trainBpe((pictures.captions ?? []).flat(), {
    vocabSize: numberFlag("--vocab-size", flags.vocabSize, { least: 514, whole: true }),
  });
  const text = { ...preset.text, vocabSize: tokenizer.vocabSize };
  manualSeed(config.seed);
  const clip = new Clip({ ...preset, text }, tokenizer);
  const described = { stage: "clip", preset: flags.preset, pictures: pictures.count, ...sceneConfig(flags), ...config };
  const stage = clipStage({ clip, pictures, config });
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

function isPreset(name: string): name is ClipPresetName {
  return name in clipPresets;
}
