import { hostname } from "node:os";
import { Worker } from "node:worker_threads";
import type { HeartbeatData, ToHeartbeat } from "./heartbeat-worker.ts";

/** How long a verdict takes at most, once a connection has broken. */
const VERDICT_MS = 5000;

/** What c10d's store does: texts by key, for all processes. `get` waits until there is one. */
export type GroupStore = { set: (key: string, text: string) => void; get: (key: string) => string };

/**
 * Knows whether the other processes live. A process that waits in a collective hears nothing of a machine that was cut off,
 * for as long as collectives may take; so a thread of its own listens to all, and ends this process when one is gone.
 */
export class Heartbeat {
  readonly #worker: Worker;
  readonly #waiting = new Int32Array(new SharedArrayBuffer(4));

  private constructor(worker: Worker) {
    this.#worker = worker;
  }

  /** Process 0 listens at a port that it tells by the store, and all others keep a connection to it. */
  static async start(options: { rank: number; size: number; address: string; store: GroupStore }): Promise<Heartbeat> {
    const { rank, size, address, store } = options;
    const first = rank === 0 ? undefined : store.get("heartbeat");
    const workerData: HeartbeatData = { rank, size, address, first, host: hostname() };
    const worker = new Worker(new URL("./heartbeat-worker.js", import.meta.url), { workerData, execArgv: [] });
    const ready = await new Promise<string>((resolve, reject) => {
      worker.once("message", (message: string) => resolve(message));
      worker.once("error", reject);
    });
    if (rank === 0) store.set("heartbeat", ready);
    worker.unref();
    return new Heartbeat(worker);
  }

  /** Waits for this process's end: a collective has failed, and the thread is about to find out why. */
  awaitVerdict(): void {
    Atomics.wait(this.#waiting, 0, 0, VERDICT_MS);
  }

  async stop(): Promise<void> {
    this.#worker.ref();
    const ended = new Promise((resolve) => void this.#worker.once("exit", resolve));
    const goodbye: ToHeartbeat = "goodbye";
    this.#worker.postMessage(goodbye, []);
    await ended;
  }
}
