import { existsSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { writeFileExclusive } from "../io/atomic.ts";
import { runPage } from "../report/run-page.ts";
import { RunLog } from "../train/run-log.ts";
import { UserError } from "./errors.ts";
import type { ReportFlags } from "./report.ts";

export async function runReport(folder: string, { output }: ReportFlags): Promise<void> {
  for (const name of ["config.json", "metrics.jsonl"]) {
    if (!existsSync(join(folder, name))) throw new UserError(`${folder} holds no training run (${name} is missing)`);
  }
  const run = new RunLog(resolve(folder), basename(resolve(folder)));
  await run.refresh();
  if (run.steps.length === 0) throw new UserError(`${folder} has done no step yet`);
  console.log(`written to ${writeFileExclusive(output ?? join(folder, "report.html"), await runPage(run))}`);
}
