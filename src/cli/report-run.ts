import { existsSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { z } from "zod";
import { writeFileExclusive } from "../io/atomic.ts";
import { nestsTooDeeply, problemsOf } from "../io/json.ts";
import { oneLine } from "../io/read-error.ts";
import { runPage } from "../report/run-page.ts";
import { RunLog } from "../train/run-log.ts";
import { UserError } from "./errors.ts";
import type { ReportFlags } from "./report.ts";

export async function runReport(folder: string, { output }: ReportFlags): Promise<void> {
  for (const name of ["config.json", "metrics.jsonl"]) {
    if (!existsSync(join(folder, name))) throw new UserError(`${folder} holds no training run (${name} is missing)`);
  }
  const run = new RunLog(resolve(folder), basename(resolve(folder)));
  try {
    await run.refresh();
  } catch (error) {
    const reason = error instanceof z.ZodError ? problemsOf(error) : String(error);
    throw new UserError(oneLine(`${folder} holds a damaged run: config.json or metrics.jsonl: ${reason}`), {
      cause: error,
    });
  }
  if (nestsTooDeeply(run.config)) throw new UserError(`${folder} holds a damaged run: config.json nests too deeply`);
  if (run.steps.length === 0) throw new UserError(`${folder} has done no step yet`);
  console.log(`written to ${writeFileExclusive(output ?? join(folder, "report.html"), await runPage(run))}`);
}
