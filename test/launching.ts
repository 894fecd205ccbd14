import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll } from "vitest";
import { nativePath } from "../src/tensor/native.ts";

export type Started = {
  child: ChildProcess;
  /** All that it has printed so far. */
  printed(): string;
  /** The exit code; an error after a minute. */
  ended(): Promise<number | null>;
};

const running = new Set<ChildProcess>();
afterAll(() => {
  for (const child of running) child.kill("SIGKILL");
});

/** A command of a built package, behind another one that `enter` gives. It goes with the test file. */
export function start(
  built: string,
  args: readonly string[],
  { env = {}, enter = [] }: { env?: Readonly<Record<string, string>>; enter?: readonly string[] } = {},
): Started {
  const [command = "", ...all] = [...enter, process.execPath, join(built, "bin/clip-gen.js"), ...args];
  const child = spawn(command, all, {
    env: { ...process.env, CLIP_GEN_NATIVE: nativePath(), OMP_NUM_THREADS: "1", ...env },
  });
  running.add(child);
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data: Buffer) => (printed += data.toString()));
  return {
    child,
    printed: () => printed,
    ended: async () => {
      if (child.exitCode === null && child.signalCode === null) {
        await once(child, "exit", { signal: AbortSignal.timeout(60_000) }).catch(() => {
          throw new Error(`still running after a minute; it has printed:\n${printed}`);
        });
      }
      running.delete(child);
      return child.exitCode;
    },
  };
}

/** Waits until something is so. */
export async function until(what: () => boolean, { seconds = 60 }: { seconds?: number } = {}): Promise<void> {
  const end = performance.now() + seconds * 1000;
  while (!what()) {
    if (performance.now() > end) throw new Error(`it did not come within ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A column of a run's metrics. */
export function column(run: string, name: string): number[] {
  return readFileSync(join(run, "metrics.jsonl"), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => Number(JSON.parse(line)[name]));
}

/** Arguments as one types them. */
export function words(text: string): string[] {
  return text.split(" ");
}
