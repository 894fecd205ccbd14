import { Option, type Command } from "commander";

export type TrainingFlags = {
  output: string;
  initFrom?: string;
  resume?: boolean;
  dryRun?: boolean;
  saveDtype: "float32" | "bfloat16";
};

export function addTrainingFlags(command: Command): void {
  command
    .option("--init-from <folder>", "begin with the weights of this network, and go by its size in place of a preset's")
    .option("--resume", "go on with the run in this folder, exactly where its newest checkpoint left it")
    .addOption(
      new Option("--save-dtype <name>", "what the finished weights are saved in; bfloat16 halves the file")
        .choices(["float32", "bfloat16"])
        .default("float32"),
    )
    .option("--dry-run", "build everything, do one step, write nothing");
}
