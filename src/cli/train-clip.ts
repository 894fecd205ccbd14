import type { Command } from "commander";
import { clipTraining } from "../config.ts";
import { clipPresets } from "../models/clip-config.ts";
import { addSceneFlags, type SceneFlags } from "./scene-flags.ts";
import { addSettings } from "./settings-flags.ts";
import { addTrainingFlags, type TrainingFlags } from "./training-flags.ts";

export type TrainClipFlags = TrainingFlags & SceneFlags & { preset: string; vocabSize: string };

export function trainClipCommand(parent: Command): void {
  const command = parent
    .command("clip")
    .description("train a CLIP of your own on pictures with captions, for fields that no published CLIP knows")
    .argument(
      "[pairs...]",
      "a .jsonl list, a part of one ('list.jsonl?split=train'), or a folder with a text beside every picture",
    )
    .requiredOption("-o, --output <folder>", "the run's folder; the finished CLIP goes to its clip/")
    .option("--preset <name>", `size: ${Object.keys(clipPresets).join(", ")}`, "small64")
    .option("--vocab-size <n>", "byte-pair vocabulary learnt from the captions, where --init-from brings none", "4096");
  addSceneFlags(
    command,
    "train on this many synthetic scenes in place of pairs; with --no-flip, as sentences tell left from right",
  );
  addTrainingFlags(command);
  addSettings(command, clipTraining);
  command.action(async (paths: string[], flags: TrainClipFlags & Record<string, unknown>) => {
    const { runTrainClip } = await import("./train-clip-run.ts");
    await runTrainClip(paths, flags);
  });
}
