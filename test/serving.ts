import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { afterAll } from "vitest";
import { nativePath } from "../src/tensor/native.ts";

export type Serving = {
  url: string;
  /** All that it has printed. */
  printed(): string;
  stop(signal?: NodeJS.Signals): Promise<number | null>;
};

const running = new Set<ChildProcess>();
afterAll(() => {
  for (const child of running) child.kill("SIGKILL");
});

/** `clip-gen serve` of a built package, once its model is ready; it goes with the test file. */
export async function startServing(built: string, flags: readonly string[]): Promise<Serving> {
  const child = spawn(process.execPath, [join(built, "bin/clip-gen.js"), "serve", "--port", "0", ...flags], {
    env: { ...process.env, CLIP_GEN_NATIVE: nativePath(), OMP_NUM_THREADS: "1" },
  });
  running.add(child);
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data: Buffer) => (printed += data.toString()));
  while (!printed.includes("is ready")) {
    await Promise.race([once(child.stdout, "data"), once(child.stderr, "data"), once(child, "exit")]);
    if (child.exitCode !== null) throw new Error(printed);
  }
  return {
    url: /http:\S+/.exec(printed)?.[0] ?? "",
    printed: () => printed,
    stop: async (signal = "SIGTERM") => {
      if (child.exitCode === null && child.signalCode === null) {
        const exit = once(child, "exit");
        child.kill(signal);
        await exit;
      }
      running.delete(child);
      return child.exitCode;
    },
  };
}
