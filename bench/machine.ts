import { availableParallelism, cpus, totalmem } from "node:os";
import { engineInfo, threadCount } from "../src/tensor/engine.ts";
import type { Machine } from "./table.ts";

/** What this process runs on. */
export function thisMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    threads: threadCount(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.versions.node,
    libtorch: engineInfo().version,
  };
}
