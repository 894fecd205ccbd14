import type { Command } from "commander";

export type InspectFlags = { json?: boolean; tensors?: boolean };

export function inspectCommand(program: Command): void {
  program
    .command("inspect")
    .description("what a model, run, network, encoded set, weights file or drawn picture is")
    .argument("<path>", "a folder or a file")
    .option("--tensors", "list every tensor of the weights")
    .option("--json", "print it as JSON")
    .action(async (path: string, flags: InspectFlags) => {
      const { runInspect } = await import("./inspect-run.ts");
      runInspect(path, flags);
    });
}
