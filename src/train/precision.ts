import type { DType } from "../tensor/dtype.ts";
import { cpuFlags } from "../tensor/cpu.ts";
import type { Device } from "../tensor/tensor.ts";

export type Precision = "auto" | "float32" | "bfloat16";

/** What to compute in, and why. Master weights are float32 in any case. */
export type PrecisionChoice = { dtype: DType; reason: string };

/**
 * `auto` is bfloat16 where the hardware multiplies it: on GPUs, and on CPUs with AVX512-BF16 or AMX.
 * Elsewhere libtorch would emulate it, several times slower than float32.
 */
export function choosePrecision(
  precision: Precision,
  device: Device,
  flags: ReadonlySet<string> = cpuFlags(),
): PrecisionChoice {
  if (precision !== "auto") return { dtype: precision, reason: "as asked" };
  if (device !== "cpu") return { dtype: "bfloat16", reason: `${device} multiplies bfloat16` };
  const flag = ["amx_bf16", "avx512_bf16"].find((name) => flags.has(name));
  if (flag) return { dtype: "bfloat16", reason: `the CPU has ${flag}` };
  return { dtype: "float32", reason: "the CPU has no bfloat16 arithmetic" };
}
