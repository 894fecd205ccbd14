import { choosePrecision } from "../src/train/precision.ts";
import type { Plan } from "./measure.ts";
import type { PythonPeer } from "./python.ts";

export type Precision = "float32" | "bfloat16";

/** What every benchmark is given. */
export type Context = {
  peers: readonly PythonPeer[];
  /** Scales rounds and seconds, 1 for a full run. */
  effort: number;
  /** Of weights, data and draws. */
  seed: number;
  /** In place of each training benchmark's own. */
  batch: number | undefined;
};

/** What this machine would compute in. */
export function bestPrecision(): Precision {
  return choosePrecision("auto", "cpu").dtype === "bfloat16" ? "bfloat16" : "float32";
}

/** A plan cut down to the effort. */
export function plan(context: Context, full: Plan): Plan {
  const { rounds, count, seconds } = full;
  return { count, rounds: Math.max(1, Math.round(rounds * context.effort)), seconds: seconds * context.effort };
}
