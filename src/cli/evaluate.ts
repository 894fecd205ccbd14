import { Option, type Command } from "commander";
import type { DrawingMethod } from "../evaluate/drawers.ts";

export type EvaluateFlags = {
  model: string;
  data: string[];
  output: string;
  prompts?: string;
  from: "captions" | "pictures";
  training?: string[];
  judge?: string;
  inception?: string;
  lpips?: string;
  limit?: string;
  method: DrawingMethod;
  steps: string;
  candidates: string;
  seed: string;
  guidance: string;
  temperature: string;
  topP: string;
  batchSize?: string;
  device: string;
  json?: boolean;
};

export function evaluateCommand(program: Command): void {
  program
    .command("evaluate")
    .description("measure a model on pictures, and write a report: metrics.json, and index.html to look at")
    .requiredOption("-m, --model <folder>", "the model")
    .requiredOption(
      "--data <paths...>",
      "pictures that it was not trained on: folders, or .jsonl lists; best with captions",
    )
    .option("-o, --output <folder>", "the report; it must not exist", "report")
    .addOption(
      new Option("--from <what>", "draw from the pictures' captions, or from the pictures' own embeddings")
        .choices(["captions", "pictures"])
        .default("captions"),
    )
    .option("--prompts <file>", "draw these sentences instead, one a line")
    .option("--training <paths...>", "what the model was trained on: finds copies among the drawings")
    .option("--judge <folder>", "a CLIP that was trained apart from the model, for all figures that need a CLIP")
    .option(
      "--inception <file>",
      "weights of the FID Inception, as pytorch-fid has them: for FID, KID, Inception Score",
    )
    .option("--lpips <file>", "weights of LPIPS")
    .option("--limit <n>", "at most this many pictures and drawings, chosen by chance, but always the same")
    .addOption(
      new Option(
        "--method <name>",
        "what draws: the model; or, to compare with, CLIP's gradient, or the training's nearest",
      )
        .choices(["generate", "optimise", "retrieve"])
        .default("generate"),
    )
    .option("--steps <n>", "steps of the optimisation", "300")
    .option("--candidates <n>", "drawings for every sentence, of which the model's CLIP picks one", "1")
    .option("--seed <n>", "seed of the first drawing", "0")
    .option("--guidance <scale>", "how much more the words count; 1 is off", "1")
    .option("--temperature <t>", "below 1 is safer, above 1 is wilder", "1")
    .option("--top-p <p>", "draw only from the likeliest tokens that together reach this probability", "0.9")
    .option("--batch-size <n>", "drawings at a time (default: 64, or what fits into memory)")
    .option("--device <name>", "cpu, cuda or cuda:N", "cpu")
    .option("--json", "print what metrics.json holds instead of a table")
    .action(async (flags: EvaluateFlags) => {
      const { runEvaluate } = await import("./evaluate-run.ts");
      await runEvaluate(flags);
    });
}
