import { toDisk, vqganTraining, type VqganTraining } from "../config.ts";
import { Clip } from "../models/clip.ts";
import { Vqgan } from "../models/vqgan.ts";
import { withAverage } from "../optim/ema.ts";
import { manualSeed } from "../tensor/random.ts";
import { perceptualLoss } from "../train/perceptual.ts";
import { vqganStage } from "../train/vqgan.ts";
import { initialNetwork, vqganPreset } from "./presets.ts";
import { withProcesses } from "./processes.ts";
import { readSettings } from "./settings.ts";
import { runTraining, sceneConfig, trainingPictures, trainingScenes } from "./training.ts";
import type { TrainVqganFlags } from "./train-vqgan.ts";

type Flags = TrainVqganFlags & Record<string, unknown>;

export async function runTrainVqgan(paths: string[], flags: Flags): Promise<void> {
  await withProcesses(readSettings(vqganTraining, flags), (config) => train(paths, flags, config));
}

async function train(paths: string[], flags: Flags, config: VqganTraining): Promise<void> {
  const known = await initialNetwork(flags, (path) => Vqgan.fromPretrained(path));
  const network = known?.config ?? vqganPreset(flags.preset, flags.network);
  const { resolution } = network;
  const pictures = trainingScenes(flags, resolution) ?? (await trainingPictures(paths, resolution));
  const clip = flags.clip === undefined ? undefined : await Clip.fromPretrained(flags.clip);
  const perceptual = perceptualLoss({ ...config, clip, lpips: flags.lpips });
  manualSeed(config.seed);
  const vqgan = known ?? new Vqgan(network);
  const { initFrom } = flags;
  const described = { stage: "vqgan", network, initFrom, pictures: pictures.count, ...sceneConfig(flags), ...config };
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
