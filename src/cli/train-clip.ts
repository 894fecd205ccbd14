import type { Command } from "commander";
import { clipTraining, toDisk } from "../config.ts";
import { drawScenes, joinPictures, readPairs, type PictureSet } from "../data/pictures.ts";
import { trainBpe } from "../io/tokenizers/train-bpe.ts";
import { Clip } from "../models/clip.ts";
import { clipPresets, type ClipPresetName } from "../models/clip-config.ts";
import { clipStage } from "../train/clip.ts";
import { addSettings, readSettings } from "./settings.ts";
import { averaged } from "./train-vqgan.ts";
import { runTraining, addTrainingFlags, reportSkipped, type TrainingFlags } from "./training.ts";
import { countPrinter } from "./progress.ts";
import { UserError } from "./errors.ts";

type Flags = TrainingFlags & {
  preset: string;
  scenes?: string;
  split?: string;
  vocabSize: string;
  initFrom?: string;
};

export function trainClipCommand(parent: Command): void {
  const command = parent
    .command("clip")
    .description("train a CLIP of your own on pictures with captions, for fields that no published CLIP knows")
    .argument("[pairs...]", "a .jsonl list, or a folder with a text beside every picture")
    .requiredOption("-o, --output <folder>", "the run's folder; the finished CLIP goes to its clip/")
    .option("--preset <name>", `size: ${Object.keys(clipPresets).join(", ")}`, "small64")
    .option("--vocab-size <n>", "byte-pair vocabulary learnt from the captions", "4096")
    .option("--split <name>", "only the lines of a list whose split is this")
    .option("--scenes <n>", "train on this many synthetic scenes in place of pairs");
  addTrainingFlags(command);
  addSettings(command, clipTraining);
  command.action(async (paths: string[], flags: Flags & Record<string, unknown>) => {
    const config = readSettings(clipTraining, flags);
    if (!isPreset(flags.preset)) {
      throw new UserError(`unknown preset ${flags.preset}; known: ${Object.keys(clipPresets).join(", ")}`);
    }
    const preset = clipPresets[flags.preset];
    const pictures = await picturesOf(paths, flags, preset.vision.imageSize);
    const tokenizer = trainBpe((pictures.captions ?? []).flat(), { vocabSize: Number(flags.vocabSize) });
    const text = { ...preset.text, vocabSize: tokenizer.vocabSize };
    const clip = new Clip({ ...preset, text }, tokenizer);
    const described = { stage: "clip", preset: flags.preset, pictures: pictures.count, ...config };
    const stage = clipStage({ clip, pictures, config });
    await runTraining(stage, {
      flags,
      config: toDisk(described),
      settings: config,
      parameters: clip.parameterCount,
      finish: (folder) => averaged(stage, () => clip.eval().savePretrained(folder, { dtype: flags.saveDtype })),
      finishName: "clip",
    });
  });
}

async function picturesOf(paths: string[], flags: Flags, size: number): Promise<PictureSet> {
  if (flags.scenes !== undefined) {
    return drawScenes({ count: Number(flags.scenes), size, seed: 1, heldOut: "include" });
  }
  if (paths.length === 0) throw new UserError("give pairs of pictures and captions, or --scenes 50000");
  const sets = [];
  for (const path of paths) {
    const options = flags.split === undefined ? {} : { split: flags.split };
    sets.push(await readPairs(path, { size, onProgress: countPrinter("reading pictures"), ...options }));
  }
  const pictures = joinPictures(sets);
  reportSkipped(pictures);
  return pictures;
}

function isPreset(name: string): name is ClipPresetName {
  return name in clipPresets;
}
