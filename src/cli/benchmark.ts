import type { Command } from "commander";
import { addJudgeFlags, type JudgeFlags } from "./judge-flags.ts";
import { addMethodFlags, type MethodFlags } from "./method-flags.ts";
import { addSamplingFlags, type SamplingFlags } from "./sampling-flags.ts";

export type BenchmarkFlags = SamplingFlags &
  JudgeFlags &
  MethodFlags & {
    model: string;
    output: string;
    each: string;
    runs: string;
    candidates: string;
    json?: boolean;
  };

export function benchmarkCommand(program: Command): void {
  const command = program
    .command("benchmark")
    .description("draw sentences about composed scenes, and check without any judge what was drawn")
    .requiredOption("-m, --model <folder>", "a model that was trained on composed scenes")
    .option("-o, --output <folder>", "metrics.json and grid.png go there; it must not exist", "benchmark")
    .option("--each <n>", "sentences of every split", "100")
    .option("--runs <n>", "how often to draw them, with seeds of their own: for intervals", "1")
    .option("--candidates <n>", "drawings for every sentence, of which the model's CLIP picks one", "1")
    .option("--json", "print what metrics.json holds instead of a table");
  addSamplingFlags(addMethodFlags(addJudgeFlags(command))).action(async (flags: BenchmarkFlags) => {
    const { runBenchmark } = await import("./benchmark-run.ts");
    await runBenchmark(flags);
  });
}
