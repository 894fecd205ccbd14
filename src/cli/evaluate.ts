import { Option, type Command } from "commander";
import type { Rephrasing } from "../data/caption-variations.ts";
import { addJudgeFlags, type JudgeFlags } from "./judge-flags.ts";
import { addMethodFlags, type MethodFlags } from "./method-flags.ts";
import { addSamplingFlags, type SamplingFlags } from "./sampling-flags.ts";

export type EvaluateFlags = SamplingFlags &
  JudgeFlags &
  MethodFlags & {
    model: string;
    data: string[];
    output: string;
    prompts?: string;
    rephrase?: Rephrasing;
    from: "captions" | "pictures";
    reference?: string[];
    training?: string[];
    lpips?: string;
    limit?: string;
    candidates: string;
    json?: boolean;
  };

export function evaluateCommand(program: Command): void {
  const command = program
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
    .addOption(
      new Option("--rephrase <how>", "say the captions otherwise before they are drawn: what small changes do").choices(
        ["article", "plural", "order", "typo", "capitals", "keywords", "style"],
      ),
    )
    .option("--prompts <file>", "draw these sentences instead, one a line")
    .option("--reference <paths...>", "pictures with captions to recognise drawings among (default: those of --data)")
    .option("--training <paths...>", "what the model was trained on: finds copies among the drawings")
    .option("--lpips <file>", "weights of LPIPS")
    .option("--limit <n>", "at most this many pictures and drawings, chosen by chance, but always the same")
    .option("--candidates <n>", "drawings for every sentence, of which the model's CLIP picks one", "1")
    .option("--json", "print what metrics.json holds instead of a table");
  addSamplingFlags(addMethodFlags(addJudgeFlags(command))).action(async (flags: EvaluateFlags) => {
    const { runEvaluate } = await import("./evaluate-run.ts");
    await runEvaluate(flags);
  });
}
