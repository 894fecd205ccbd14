import { Worker } from "node:worker_threads";
import { shareState } from "../nn/share.ts";
import type { Networks } from "./decode.ts";
import type { DrawHooks } from "./draw-rows.ts";
import { GeneratedPicture } from "./picture.ts";
import type { FromWorker, SharedNetwork, ToWorker, Work, WorkerData } from "./worker.ts";

type Waiting = {
  hooks: DrawHooks;
  resolve: (pictures: GeneratedPicture[][]) => void;
  reject: (reason: unknown) => void;
};

/**
 * A thread that draws with networks in this one's memory, so that the event loop here stays free. One request after the
 * other; the process may end while none is under way.
 */
export class DrawingThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #last = 0;
  #ended = false;

  constructor({ clip, vqgan, gpt }: Networks, { threads }: { threads: number }) {
    const workerData: WorkerData = {
      clip: shared(clip, clip.config),
      vqgan: shared(vqgan, vqgan.config),
      gpt: shared(gpt, gpt.config),
      threads,
    };
    this.#worker = new Worker(new URL("./worker.js", import.meta.url), { workerData, execArgv: [] });
    this.#worker.on("message", (message: FromWorker) => this.#hear(message));
    this.#worker.on("error", (error) => this.#end(error));
    this.#worker.on("exit", () => this.#end(new Error("the thread that draws has ended")));
    this.#worker.unref();
  }

  /** Whether it has broken down or was closed: it draws no more. */
  get ended(): boolean {
    return this.#ended;
  }

  /** As `drawRequests`, over there. */
  async draw(work: Work, hooks: DrawHooks): Promise<GeneratedPicture[][]> {
    const { signal } = hooks;
    signal?.throwIfAborted();
    const id = ++this.#last;
    const cancel = (): void => this.#send({ id, cancel: true });
    signal?.addEventListener("abort", cancel, { once: true });
    this.#worker.ref();
    try {
      return await new Promise<GeneratedPicture[][]>((resolve, reject) => {
        this.#waiting.set(id, { hooks, resolve, reject });
        this.#send({ id, work });
      });
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    } finally {
      signal?.removeEventListener("abort", cancel);
      this.#waiting.delete(id);
      if (this.#waiting.size === 0) this.#worker.unref();
    }
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #send(message: ToWorker): void {
    this.#worker.postMessage(message, []);
  }

  #hear(message: FromWorker): void {
    const waiting = this.#waiting.get(message.id);
    if (!waiting) return;
    if ("progress" in message) waiting.hooks.onProgress?.(message.progress);
    else if ("preview" in message) waiting.hooks.onPreview?.(message.preview);
    else if ("pictures" in message)
      waiting.resolve(message.pictures.map((some) => some.map((parts) => new GeneratedPicture(parts))));
    else waiting.reject(message.error);
  }

  #end(error: Error): void {
    this.#ended = true;
    for (const { reject } of this.#waiting.values()) reject(error);
  }
}

function shared<Config>(network: Networks[keyof Networks], config: Config): SharedNetwork<Config> {
  return { config, computeDtype: network.computeDtype, state: shareState(network) };
}
