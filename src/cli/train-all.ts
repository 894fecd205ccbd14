import type { Command } from "commander";

export type TrainAllFlags = {
  clip: string;
  output: string;
  vqganPreset: string;
  gptPreset: string;
  vqganSteps: string;
  gptSteps: string;
  objective: string;
  lpips?: string;
  vqganNetwork?: string[];
  gptNetwork?: string[];
  setVqgan?: string[];
  setGpt?: string[];
  seed: string;
  device: string;
  precision: string;
  flip: boolean;
  dryRun?: boolean;
};

/** `clip-gen train <pictures> --clip C -o my-model`: the parent of `train clip`, `train vqgan` and `train gpt`. */
export function trainAllCommand(program: Command): Command {
  return program
    .command("train")
    .description("train a generator on pictures without captions: VQGAN, encoding and GPT in one go")
    .argument("[pictures...]", "folders with pictures, searched through to the bottom, or .jsonl lists of pictures")
    .option("--clip <folder>", "the frozen CLIP: a Hugging Face folder, or what train clip wrote")
    .option("-o, --output <folder>", "becomes the model; run the same command again to go on after a stop")
    .option("--vqgan-preset <name>", "size of the VQGAN", "small64")
    .option("--gpt-preset <name>", "size of the GPT", "small")
    .option("--vqgan-steps <n>", "steps of the VQGAN's training", "10000")
    .option("--gpt-steps <n>", "steps of the GPT's training", "10000")
    .option("--objective <name>", "what the GPT minimises: cross-entropy, paper, weighted", "cross-entropy")
    .option("--lpips <file>", "VGG16-LPIPS weights; without them CLIP's features are the perceptual loss")
    .option("--vqgan-network <key=value...>", "change the preset of the VQGAN, as train vqgan --network")
    .option("--gpt-network <key=value...>", "change the preset of the GPT, as train gpt --network")
    .option("--set-vqgan <key=value...>", "any setting of train vqgan")
    .option("--set-gpt <key=value...>", "any setting of train gpt")
    .option("--seed <n>", "seed of everything", "0")
    .option("--device <name>", "cpu, cuda or cuda:N", "cpu")
    .option("--precision <name>", "auto, float32 or bfloat16", "auto")
    .option("--no-flip", "do not mirror pictures")
    .option("--dry-run", "check pictures, CLIP and settings, and write nothing")
    .action(async (paths: string[], flags: TrainAllFlags) => {
      const { UserError } = await import("./errors.ts");
      if (paths.length === 0) throw new UserError("give folders with pictures; clip-gen train --help tells more");
      if (!flags.clip)
        throw new UserError("--clip is missing: give the CLIP to train with; clip-gen train clip makes one");
      if (!flags.output) throw new UserError("--output is missing: give the folder that becomes the model");
      const { runTrainAll } = await import("./train-all-run.ts");
      await runTrainAll(paths, flags);
    });
}
