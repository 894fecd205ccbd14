// The thread that draws for `DrawingThread`: it claims the networks' memory, and then draws what it is asked, in turn.
import { constants, setPriority } from "node:os";
import { parentPort, workerData } from "node:worker_threads";
import type { ClipConfig } from "../models/clip-config.ts";
import type { GptConfig } from "../models/gpt-config.ts";
import type { VqganConfig } from "../models/vqgan-config.ts";
import { Clip } from "../models/clip.ts";
import { Gpt } from "../models/gpt.ts";
import { Vqgan } from "../models/vqgan.ts";
import { shapesOnly } from "../nn/init.ts";
import type { Module } from "../nn/module.ts";
import { claimState, type SharedState } from "../nn/share.ts";
import type { DType } from "../tensor/dtype.ts";
import { setThreadCount } from "../tensor/engine.ts";
import type { DrawProgress, Preview } from "./draw-rows.ts";
import type { DrawRequest } from "./draw.ts";
import { drawRequests, type JourneyRequest } from "./journey.ts";
import type { PictureParts } from "./picture.ts";

/** A network as it comes here. */
export type SharedNetwork<Config> = { config: Config; computeDtype: DType; state: SharedState };

export type WorkerData = {
  clip: SharedNetwork<ClipConfig>;
  vqgan: SharedNetwork<VqganConfig>;
  gpt: SharedNetwork<GptConfig>;
  threads: number;
};

/** What to draw: requests that go into one batch, or a journey. */
export type Work = readonly DrawRequest[] | JourneyRequest;

export type ToWorker = { id: number; work: Work } | { id: number; cancel: true };

export type FromWorker =
  | { id: number; progress: DrawProgress }
  | { id: number; preview: Preview }
  | { id: number; pictures: PictureParts[][] }
  | { id: number; error: Error };

const port = parentPort;
if (!port) throw new Error("this file runs in a worker thread");
const data: WorkerData = workerData;
setThreadCount(data.threads);

function received<T extends Module, Config>(
  { config, computeDtype, state }: SharedNetwork<Config>,
  make: (config: Config) => T,
): T {
  const network = shapesOnly(() => make(config));
  claimState(network, state);
  network.eval().setComputeDtype(computeDtype);
  return network;
}

const networks = {
  clip: received(data.clip, (config) => new Clip(config)),
  vqgan: received(data.vqgan, (config) => new Vqgan(config)),
  gpt: received(data.gpt, (config) => new Gpt(config)),
};

// Linux takes 0 for this thread, and those that it starts to compute with inherit it: whoever waits for an answer of the event
// loop goes before them where all cores draw.
if (process.platform === "linux") setPriority(0, constants.priority.PRIORITY_LOW);

const answer = (message: FromWorker): void => port.postMessage(message);
const running = new Map<number, AbortController>();
let last: Promise<void> = Promise.resolve();

async function serve(id: number, work: Work, signal: AbortSignal): Promise<void> {
  try {
    signal.throwIfAborted();
    const onProgress = (progress: DrawProgress): void => answer({ id, progress });
    const onPreview = (preview: Preview): void => answer({ id, preview });
    const pictures = await drawRequests(networks, work, { signal, onProgress, onPreview });
    answer({ id, pictures: pictures.map((some) => some.map((picture) => picture.parts)) });
  } catch (error) {
    answer({ id, error: error instanceof Error ? error : new Error(String(error)) });
  } finally {
    running.delete(id);
  }
}

port.on("message", (message: ToWorker) => {
  if ("cancel" in message) {
    running.get(message.id)?.abort();
    return;
  }
  const controller = new AbortController();
  running.set(message.id, controller);
  last = last.then(() => serve(message.id, message.work, controller.signal));
});
