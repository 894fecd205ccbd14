import { readFileSync } from "node:fs";

/**
 * The kernels that OpenBLAS should take, where it would choose worse by itself: up to 0.3.21, which Debian 12 has, it takes
 * those of 2013 on AMD's processors with AVX-512, at half of the speed.
 */
export function openblasCore(flags: ReadonlySet<string>, cpuModel: string): string | undefined {
  return cpuModel.includes("AMD") && ["avx512f", "avx512bw", "avx512vl"].every((flag) => flags.has(flag))
    ? "SkylakeX"
    : undefined;
}

/** Instruction sets that matter for the choice of precision, as Linux names them. */
export function cpuFlags(): ReadonlySet<string> {
  try {
    const flags = /^flags\s*:\s*(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1];
    return new Set(flags?.split(" ") ?? []);
  } catch {
    return new Set();
  }
}
