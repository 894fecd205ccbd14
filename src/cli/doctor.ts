import { spawnSync } from "node:child_process";
import { freemem, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { UserError } from "./errors.ts";

/** Below this many GFLOP/s a thread, the matrix product is that of the reference BLAS and not of an optimised one. */
const SLOW_GFLOPS = 8;

export function doctorCommand(program: Command): void {
  program
    .command("doctor")
    .description(
      "what this machine has: libtorch, threads, precision, speed; and what to do where something is missing",
    )
    .option("--build", "build the native add-on first")
    .option("--json", "print it as JSON")
    .action(async (flags: { build?: boolean; json?: boolean }) => {
      if (flags.build) build();
      const report = await examine();
      if (flags.json) {
        console.log(JSON.stringify(report, undefined, 2));
        return;
      }
      for (const [name, value] of Object.entries(report)) {
        if (name !== "advice") console.log(`${name.replaceAll("_", " ").padEnd(18)} ${String(value)}`);
      }
      for (const advice of report.advice) console.log(`\n! ${advice}`);
    });
}

function build(): void {
  const script = fileURLToPath(new URL("../../scripts/build-native.js", import.meta.url));
  const { status } = spawnSync(process.execPath, [script], { stdio: "inherit" });
  if (status !== 0) throw new UserError("the native add-on could not be built; see above");
}

type Report = Record<string, string | number | string[]> & { advice: string[] };

async function examine(): Promise<Report> {
  const report: Report = { node: process.version, memory: `${gib(freemem())} free of ${gib(totalmem())}`, advice: [] };
  try {
    const { engineInfo, availableDevices, threadCount } = await import("../tensor/engine.ts");
    const { choosePrecision } = await import("../train/precision.ts");
    const { matmulGflops } = await import("../train/calibrate.ts");
    const { dtype, reason } = choosePrecision("auto", "cpu");
    report["libtorch"] = engineInfo().version;
    report["devices"] = availableDevices().join(", ");
    report["threads"] = threadCount();
    report["precision"] = `${dtype} (${reason})`;
    const gflops = matmulGflops("float32");
    report["float32"] = `${gflops.toFixed(0)} GFLOP/s in a 1024³ matrix product`;
    if (gflops < SLOW_GFLOPS * threadCount()) {
      report.advice.push(
        "Matrix products are far too slow: libtorch runs on the reference BLAS, or the machine is very busy. " +
          "Run: sudo apt-get install libopenblas0-openmp",
      );
    }
  } catch (error) {
    report["libtorch"] = "not usable";
    report.advice.push(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
  return report;
}

function gib(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
