import { toDisk, vqganTraining, type VqganTraining } from "../config.ts";
import { Clip } from "../models/clip.ts";
import { Vqgan } from "../models/vqgan.ts";
import { withAverage } from "../optim/ema.ts";
import { manualSeed } from "../tensor/random.ts";
import { perceptualLoss } from "../train/perceptual.ts";
import { vqganStage } from "../train/vqgan.ts";
import { refuseChanges, vqganPreset } from "./presets.ts";
import { withProcesses } from "./processes.ts";
import { readSettings } from "./settings.ts";
import { runTraining, sceneConfig, trainingPictures, trainingScenes } from "./training.ts";
import type { TrainVqganFlags } from "./train-vqgan.ts";

type Flags = TrainVqganFlags & Record<string, unknown>;

export async function runTrainVqgan(paths: string[], flags: Flags): Promise<void> {
  await withProcesses(readSettings(vqganTraining, flags), (config) => train(paths, flags, config));
}

async function train(paths: string[], flags: Flags, config: VqganTraining): Promise<void> {
  if (flags.initFrom !== undefined) refuseChanges(flags.network);
  const known = flags.initFrom === undefined ? undefined : await Vqgan.fromPretrained(flags.initFrom);
  const network = known?.config ?? vqganPreset(flags.preset, flags.network);
  const { resolution } = network;
  const pictures = trainingScenes(flags, resolution) ?? (await trainingPictures(paths, resolution));
  const clip = flags.clip === undefined ? undefined : await Clip.fromPretrained(flags.clip);
  const perceptual = perceptualLoss({ ...config, clip, lpips: flags.lpips });
  manualSeed(config.seed);
  const vqgan = known ?? new Vqgan(network);
  const from = flags.initFrom === undefined ? {} : { initFrom: flags.initFrom };
  const described = { stage: "vqgan", network, ...from, pictures: pictures.count, ...sceneConfig(flags), ...config };
  const stage = vqganStage({ vqgan, pictures, config, perceptual, untrained: known === undefined });
  await runTraining(stage, {
    flags,
    config: toDisk(described),
    settings: config,
    parameters: vqgan.parameterCount,
    results: {
      vqgan: (folder) => withAverage(stage.ema, () => vqgan.eval().savePretrained(folder, { dtype: flags.saveDtype })),
    },
  });
}
