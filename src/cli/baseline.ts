import { Option, type Command } from "commander";
import type { Precision } from "../train/precision.ts";

// What a model is compared with: pictures from the same sentence, without its GPT.

type BaselineFlags = { model: string; output: string; device: string; precision: Precision; json?: boolean };

export type OptimiseFlags = BaselineFlags & {
  number: string;
  steps: string;
  cutouts: string;
  lr: string;
  seed: string;
};

export type RetrieveFlags = BaselineFlags & { data: string[] };

export function baselineCommand(program: Command): void {
  const baseline = program.command("baseline").description("pictures by other ways, to compare the model's with");
  const optimise = baseline
    .command("optimise")
    .alias("optimize")
    .description("VQGAN-CLIP: optimise the codes of a picture until CLIP finds it close to the sentence")
    .argument("<prompt>", "what to draw")
    .option("-n, --number <n>", "how many pictures, with consecutive seeds", "1")
    .option("--steps <n>", "steps of optimisation", "300")
    .option("--cutouts <n>", "random crops that CLIP sees in every step", "32")
    .option("--lr <rate>", "Adam's learning rate", "0.1")
    .option("--seed <n>", "seed of the first picture", "0");
  addCommonFlags(optimise).action(async (prompt: string, flags: OptimiseFlags) => {
    const { runOptimise } = await import("./baseline-run.ts");
    await runOptimise(prompt, flags);
  });
  const retrieve = baseline
    .command("retrieve")
    .description("the training picture that CLIP finds closest to the sentence")
    .argument("<prompt>", "what to look for")
    .requiredOption("--data <paths...>", "folders or .jsonl lists of pictures, or what clip-gen encode wrote");
  addCommonFlags(retrieve).action(async (prompt: string, flags: RetrieveFlags) => {
    const { runRetrieve } = await import("./baseline-run.ts");
    await runRetrieve(prompt, flags);
  });
}

function addCommonFlags(command: Command): Command {
  return command
    .requiredOption("-m, --model <folder>", "the model; its GPT is not needed")
    .option(
      "-o, --output <file>",
      "the PNG to write; a taken name gets a number, nothing is overwritten",
      "picture.png",
    )
    .addOption(
      new Option("--precision <name>", "what to compute in").choices(["auto", "float32", "bfloat16"]).default("auto"),
    )
    .option("--device <name>", "cpu, cuda or cuda:N", "cpu")
    .option("--json", "print what was written as JSON");
}
