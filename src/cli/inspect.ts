import type { Command } from "commander";

export type InspectFlags = { json?: boolean; tensors?: boolean; numbers: boolean };

export function inspectCommand(program: Command): void {
  program
    .command("inspect")
    .description("what a model, run, network, encoded set, weights file or drawn picture is, and whether it would load")
    .argument("<path>", "a folder or a file")
    .option("--tensors", "list every tensor of the weights")
    .option("--no-numbers", "read names and shapes only, not whether all numbers are finite")
    .option("--json", "print it as JSON")
    .action(async (path: string, flags: InspectFlags) => {
      const { runInspect } = await import("./inspect-run.ts");
      await runInspect(path, flags);
    });
}
