import type { Command } from "commander";

export type CalibrateFlags = { model: string; data?: string[]; prompts?: string; limit: string; device: string };

export function calibrateCommand(program: Command): void {
  program
    .command("calibrate")
    .description(
      "draw prompts that a model should know, and write into model.json what they score: for telling what is outside",
    )
    .requiredOption("-m, --model <folder>", "the model")
    .option("--data <paths...>", "lists of pictures whose captions it should know")
    .option("--prompts <file>", "sentences that it should know, one a line")
    .option("--limit <n>", "at most this many, chosen by chance, but always the same", "500")
    .option("--device <name>", "cpu, cuda or cuda:N", "cpu")
    .action(async (flags: CalibrateFlags) => {
      const { runCalibrate } = await import("./calibrate-run.ts");
      await runCalibrate(flags);
    });
}
