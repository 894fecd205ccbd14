import type { Command } from "commander";
import { vqganTraining } from "../config.ts";
import { vqganPresets } from "../models/vqgan-config.ts";
import { NETWORK_HELP } from "./network-flag.ts";
import { addSceneFlags, type SceneFlags } from "./scene-flags.ts";
import { addSettings } from "./settings-flags.ts";
import { addTrainingFlags, type TrainingFlags } from "./training-flags.ts";

export type TrainVqganFlags = TrainingFlags &
  SceneFlags & { preset: string; network?: string[]; clip?: string; lpips?: string };

export function trainVqganCommand(parent: Command): void {
  const command = parent
    .command("vqgan")
    .description("train the VQGAN that puts pictures into tokens, on pictures alone")
    .argument("[pictures...]", "folders with pictures, searched through to the bottom, or .jsonl lists of pictures")
    .requiredOption("-o, --output <folder>", "the run's folder; the finished VQGAN goes to its vqgan/")
    .option("--preset <name>", `size: ${Object.keys(vqganPresets).join(", ")}`, "small64")
    .option("--lpips <file>", "VGG16-LPIPS weights for the perceptual loss")
    .option("--clip <folder>", "CLIP whose features serve as perceptual loss where there are no LPIPS weights");
  command.option("--network <key=value...>", NETWORK_HELP);
  addSceneFlags(command, "train on this many synthetic scenes in place of pictures");
  addTrainingFlags(command);
  addSettings(command, vqganTraining);
  command.action(async (paths: string[], flags: TrainVqganFlags & Record<string, unknown>) => {
    const { runTrainVqgan } = await import("./train-vqgan-run.ts");
    await runTrainVqgan(paths, flags);
  });
}
