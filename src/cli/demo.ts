import type { Command } from "commander";

export type DemoFlags = { output: string; minutes: string; seed: string; scenes: string; candidates: string };

export function demoCommand(program: Command): void {
  program
    .command("demo")
    .description("train and draw on synthetic pictures, without any download: see all of it work in 8 minutes")
    .option("-o, --output <folder>", "where the model, its grid and its scores go", "clip-gen-demo")
    .option("--minutes <n>", "how long the training may take in all, on this machine", "6.5")
    .option("--seed <n>", "seed of the training and of the pictures", "0")
    .option("--scenes <n>", "synthetic pictures to train on", "20000")
    .option("--candidates <n>", "pictures that are drawn for each sentence; CLIP picks the best", "64")
    .action(async (flags: DemoFlags) => {
      const { runDemo } = await import("./demo-run.ts");
      await runDemo(flags);
    });
}
