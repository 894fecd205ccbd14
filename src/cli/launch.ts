import type { Command } from "commander";

export type LaunchFlags = { procs: string; restarts: string };

export function launchCommand(program: Command): void {
  program
    .command("launch")
    .description("run a training in several processes of this machine, each with a part of every batch")
    .argument("<command...>", "the training: train gpt encoded/ -o run/ …")
    .requiredOption("--procs <n>", "how many processes; one for each GPU")
    .option("--restarts <n>", "how often to begin again, with --resume, when a process dies", "0")
    .passThroughOptions()
    .addHelpText(
      "after",
      `
  clip-gen launch --procs 8 train gpt encoded/ -o run/ --device cuda --batch-size 512

On several machines start the training once a process, with torchrun's RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR and
MASTER_PORT: by torchrun --no-python itself, by Slurm or by Kubernetes (deploy/).`,
    )
    .action(async (command: string[], flags: LaunchFlags) => {
      const { runLaunch } = await import("./launch-run.ts");
      await runLaunch(command, flags);
    });
}
