import type { Command } from "commander";
import { toDisk, vqganTraining } from "../config.ts";
import { drawScenes, readPictures, type PictureSet } from "../data/pictures.ts";
import { Clip } from "../models/clip.ts";
import { Vqgan } from "../models/vqgan.ts";
import { vqganPresets } from "../models/vqgan-config.ts";
import { perceptualLoss } from "../train/perceptual.ts";
import { vqganStage } from "../train/vqgan.ts";
import { UserError } from "./errors.ts";
import { vqganPreset } from "./presets.ts";
import { countPrinter } from "./progress.ts";
import { addSettings, readSettings } from "./settings.ts";
import { addTrainingFlags, reportSkipped, runTraining, type TrainingFlags } from "./training.ts";

type Flags = TrainingFlags & { preset: string; scenes?: string; clip?: string; lpips?: string };

export function trainVqganCommand(parent: Command): void {
  const command = parent
    .command("vqgan")
    .description("train the VQGAN that puts pictures into tokens, on pictures alone")
    .argument("[pictures...]", "folders with pictures, searched through to the bottom")
    .requiredOption("-o, --output <folder>", "the run's folder; the finished VQGAN goes to its vqgan/")
    .option("--preset <name>", `size: ${Object.keys(vqganPresets).join(", ")}`, "small64")
    .option("--lpips <file>", "VGG16-LPIPS weights for the perceptual loss")
    .option("--clip <folder>", "CLIP whose features serve as perceptual loss where there are no LPIPS weights")
    .option("--scenes <n>", "train on this many synthetic scenes in place of pictures");
  addTrainingFlags(command);
  addSettings(command, vqganTraining);
  command.action(async (paths: string[], flags: Flags & Record<string, unknown>) => {
    const config = readSettings(vqganTraining, flags);
    const preset = vqganPreset(flags.preset);
    const pictures = await trainingPictures(paths, flags, preset.resolution);
    const clip = flags.clip === undefined ? undefined : await Clip.fromPretrained(flags.clip);
    const perceptual = perceptualLoss({ clip, lpips: flags.lpips, device: config.device });
    const vqgan = new Vqgan(preset);
    const described = { stage: "vqgan", preset: flags.preset, pictures: pictures.count, ...config };
    const stage = vqganStage({ vqgan, pictures, config, perceptual });
    await runTraining(stage, {
      flags,
      config: toDisk(described),
      settings: config,
      parameters: vqgan.parameterCount,
      finishName: "vqgan",
      finish: (folder) => averaged(stage, () => vqgan.eval().savePretrained(folder, { dtype: flags.saveDtype })),
    });
  });
}

/** Pictures to train a generator on: folders, or synthetic scenes without the combinations that are kept apart. */
export async function trainingPictures(
  paths: readonly string[],
  flags: { scenes?: string },
  size: number,
): Promise<PictureSet> {
  if (flags.scenes !== undefined) {
    return drawScenes({ count: Number(flags.scenes), size, seed: 2, heldOut: "exclude" });
  }
  if (paths.length === 0) throw new UserError("give folders with pictures, or --scenes 20000");
  const pictures = await readPictures(paths, { size, onProgress: countPrinter("reading pictures") });
  reportSkipped(pictures);
  return pictures;
}

/** Runs with the averaged weights where the stage keeps an average. */
export async function averaged(
  stage: { ema: { with(run: () => Promise<void>): Promise<void> } | undefined },
  run: () => Promise<void>,
): Promise<void> {
  await (stage.ema ? stage.ema.with(run) : run());
}
