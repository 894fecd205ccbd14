import type { Command } from "commander";
import { gptObjectives, gptTraining } from "../config.ts";
import { gptPresets } from "../models/gpt-config.ts";
import { NETWORK_HELP } from "./network-flag.ts";
import { addSettings } from "./settings-flags.ts";
import { addTrainingFlags, type TrainingFlags } from "./training-flags.ts";

export type TrainGptFlags = TrainingFlags & {
  preset: string;
  network?: string[];
  objective: string;
  clip?: string;
  vqgan?: string;
  sentences?: string;
  memory?: string;
};

export function trainGptCommand(parent: Command): void {
  const command = parent
    .command("gpt")
    .description("train the GPT that writes tokens given an embedding, on encoded pictures")
    .argument("<encoded>", "what clip-gen encode wrote")
    .requiredOption("-o, --output <folder>", "the run's folder; the finished GPT goes to its gpt/")
    .option("--preset <name>", `size: ${Object.keys(gptPresets).join(", ")}`, "small")
    .option("--objective <name>", `what is minimised: ${Object.keys(gptObjectives).join(", ")}`, "cross-entropy")
    .option("--clip <folder>", "CLIP, for the embedding and contrastive terms, and for --sentences")
    .option("--vqgan <folder>", "VQGAN, for the embedding and reconstruction terms");
  command.option(
    "--sentences <file>",
    "what people will ask for, one sentence a line, of no picture in particular: when drawing, sentences are moved by how far the pictures lie from these on average (C3)",
  );
  command.option(
    "--memory <n>",
    "keep so many embeddings of pictures: sentences draw from where the pictures lie that they are closest to (DeCap)",
  );
  command.option("--network <key=value...>", NETWORK_HELP);
  addTrainingFlags(command);
  addSettings(command, gptTraining);
  command.action(async (encoded: string, flags: TrainGptFlags & Record<string, unknown>) => {
    const { runTrainGpt } = await import("./train-gpt-run.ts");
    await runTrainGpt(encoded, flags);
  });
}
