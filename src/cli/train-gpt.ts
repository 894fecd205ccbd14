import type { Command } from "commander";
import { gptObjectives, gptTraining, toDisk } from "../config.ts";
import { readEncoded } from "../data/encoded.ts";
import { Clip } from "../models/clip.ts";
import { Gpt } from "../models/gpt.ts";
import { gptPresets } from "../models/gpt-config.ts";
import { Vqgan } from "../models/vqgan.ts";
import { gptStage } from "../train/gpt.ts";
import { UserError } from "./errors.ts";
import { gptPreset } from "./presets.ts";
import { addSettings, readSettings } from "./settings.ts";
import { averaged } from "./train-vqgan.ts";
import { addTrainingFlags, runTraining, type TrainingFlags } from "./training.ts";

type Flags = TrainingFlags & { preset: string; objective: string; clip?: string; vqgan?: string };

export function trainGptCommand(parent: Command): void {
  const command = parent
    .command("gpt")
    .description("train the GPT that writes tokens given an embedding, on encoded pictures")
    .argument("<encoded>", "what clip-gen encode wrote")
    .requiredOption("-o, --output <folder>", "the run's folder; the finished GPT goes to its gpt/")
    .option("--preset <name>", `size: ${Object.keys(gptPresets).join(", ")}`, "small")
    .option("--objective <name>", `what is minimised: ${Object.keys(gptObjectives).join(", ")}`, "cross-entropy")
    .option("--clip <folder>", "CLIP, for the embedding and contrastive terms")
    .option("--vqgan <folder>", "VQGAN, for the embedding and reconstruction terms");
  addTrainingFlags(command);
  addSettings(command, gptTraining);
  command.action(async (encoded: string, flags: Flags & Record<string, unknown>) => {
    const objective = Object.entries(gptObjectives).find(([name]) => name === flags.objective)?.[1];
    if (!objective)
      throw new UserError(`unknown objective ${flags.objective}; known: ${Object.keys(gptObjectives).join(", ")}`);
    const { objective: named, ...others } = flags;
    const config = readSettings(gptTraining, others, objective);
    const data = readEncoded(encoded);
    const size = gptPreset(flags.preset);
    const [h, w] = data.grid;
    const gpt = new Gpt({ ...size, codebookSize: data.codebookSize, tokenCount: h * w, conditionDim: data.embedDim });
    const clip = flags.clip === undefined ? undefined : await Clip.fromPretrained(flags.clip);
    const vqgan = flags.vqgan === undefined ? undefined : await Vqgan.fromPretrained(flags.vqgan);
    clip?.setTrainable(false);
    vqgan?.setTrainable(false);
    const stage = gptStage({ gpt, data, config, ...(clip && { clip }), ...(vqgan && { vqgan }) });
    await runTraining(stage, {
      flags,
      config: toDisk({ stage: "gpt", preset: flags.preset, objective_name: named, encoded: data.count, ...config }),
      settings: config,
      parameters: gpt.parameterCount,
      finishName: "gpt",
      finish: (folder) => averaged(stage, () => gpt.eval().savePretrained(folder, { dtype: flags.saveDtype })),
    });
  });
}
