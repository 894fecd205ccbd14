import type { Command } from "commander";

export type ReportFlags = { output?: string };

export function reportCommand(program: Command): void {
  program
    .command("report")
    .description("a training run as one HTML page that needs nothing beside it: curves, sample grids, settings")
    .argument("<run>", "the run's folder")
    .option("-o, --output <file>", "the page to write; a taken name gets a number (default: report.html in the run)")
    .action(async (run: string, flags: ReportFlags) => {
      const { runReport } = await import("./report-run.ts");
      await runReport(run, flags);
    });
}
