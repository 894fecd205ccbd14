import type { Command } from "commander";

export type DoctorFlags = { build?: boolean; json?: boolean };

export function doctorCommand(program: Command): void {
  program
    .command("doctor")
    .description("what this machine has: libtorch, BLAS, precision, speed; and what to do where something is missing")
    .option("--build", "build the native add-on first")
    .option("--json", "print it as JSON")
    .action(async (flags: DoctorFlags) => {
      const { runDoctor } = await import("./doctor-run.ts");
      await runDoctor(flags);
    });
}
