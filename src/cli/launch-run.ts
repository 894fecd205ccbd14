import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { UserError } from "./errors.ts";
import type { LaunchFlags } from "./launch.ts";
import { numberFlag } from "./number-flag.ts";

type Ending = { rank: number; code: number | null; signal: NodeJS.Signals | null };

/** Starts the processes, and again for as long as they fail and may. */
export async function runLaunch(command: readonly string[], flags: LaunchFlags): Promise<void> {
  const procs = numberFlag("--procs", flags.procs, { least: 1, whole: true });
  const restarts = numberFlag("--restarts", flags.restarts, { least: 0, whole: true });
  if (command[0] !== "train") throw new UserError(`launch starts a training: train clip, train vqgan or train gpt`);
  let stopped = false;
  let children: ChildProcess[] = [];
  // Ctrl-C reaches the children by itself. They save, and end.
  const stop = (signal: NodeJS.Signals): void => {
    if (signal === "SIGTERM" || stopped) for (const child of children) child.kill(stopped ? "SIGKILL" : signal);
    stopped = true;
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  try {
    for (let attempt = 0; ; attempt += 1) {
      const args = attempt === 0 ? command : resuming(command);
      children = await startAll(args, procs, attempt);
      const failed = await firstFailure(children);
      if (!failed) return;
      if (failed.code === 130) {
        process.exitCode = 130;
        return;
      }
      const how = failed.signal ? `was killed by ${failed.signal}` : `ended with code ${failed.code}`;
      const again = attempt < restarts && !stopped;
      console.error(
        `clip-gen: process ${failed.rank} ${how}${again ? `; starting again (${attempt + 1}/${restarts})` : ""}`,
      );
      if (!again) {
        process.exitCode = 1;
        return;
      }
    }
  } finally {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
  }
}

async function startAll(args: readonly string[], procs: number, attempt: number): Promise<ChildProcess[]> {
  const port = await freePort();
  const threads = Math.max(1, Math.floor(availableParallelism() / procs));
  return Array.from({ length: procs }, (_, rank) =>
    spawn(process.execPath, [process.argv[1] ?? "", ...args], {
      stdio: "inherit",
      env: {
        OMP_NUM_THREADS: String(threads),
        ...process.env,
        RANK: String(rank),
        LOCAL_RANK: String(rank),
        WORLD_SIZE: String(procs),
        MASTER_ADDR: "127.0.0.1",
        MASTER_PORT: String(port),
        TORCHELASTIC_RESTART_COUNT: String(attempt),
      },
    }),
  );
}

/** Waits for all. When one fails, the others cannot go on: they are ended. */
async function firstFailure(children: readonly ChildProcess[]): Promise<Ending | undefined> {
  let first: Ending | undefined;
  const watch = async (child: ChildProcess, rank: number): Promise<void> => {
    await once(child, "exit");
    const { exitCode: code, signalCode: signal } = child;
    if (code === 0 || first) return;
    first = { rank, code, signal };
    // Those that were stopped together save first.
    if (code !== 130) for (const other of children) other.kill("SIGKILL");
  };
  await Promise.all(children.map(watch));
  return first;
}

/** The same, going on with the run if it has begun. */
function resuming(command: readonly string[]): readonly string[] {
  const at = command.findIndex((word) => word === "-o" || word === "--output");
  const output = command[at + 1];
  const begun = at >= 0 && output !== undefined && existsSync(join(output, "config.json"));
  return begun && !command.includes("--resume") ? [...command, "--resume"] : command;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  if (address === null || typeof address === "string") throw new Error("there is no free port on 127.0.0.1");
  return address.port;
}
