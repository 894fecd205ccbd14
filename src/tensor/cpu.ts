import { readFileSync } from "node:fs";

/** Instruction sets that matter for the choice of precision, as Linux names them. */
export function cpuFlags(): ReadonlySet<string> {
  try {
    const flags = /^flags\s*:\s*(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1];
    return new Set(flags?.split(" ") ?? []);
  } catch {
    return new Set();
  }
}
