import { createServer } from "node:http";
import { isIP } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { ClipGen, type GeneratePrecision } from "../generate/pipeline.ts";
import type { Device } from "../tensor/tensor.ts";
import { createApp } from "./app.ts";
import { Gallery } from "./gallery.ts";
import { Metrics } from "./metrics.ts";
import type { Observer } from "./observe.ts";
import { Runs } from "./runs.ts";
import { Studio } from "./studio.ts";

export type ServeOptions = {
  model: string;
  device?: Device;
  precision?: GeneratePrecision;
  /** Where pictures are kept. */
  gallery: string;
  host: string;
  /** 0 takes one that is free. */
  port: number;
  token?: string | undefined;
  mostWaiting?: number;
  observer: Observer;
  version: string;
  /** The folder of the page. */
  page?: string | undefined;
  /** Folders below which training runs are. */
  runs?: readonly string[];
};

export type Serving = {
  url: string;
  studio: Studio;
  /** Files in the gallery's folder that are no pictures of ours. */
  skipped: number;
  /** Answers nothing new, ends what is under way, and gives everything back. */
  close(): Promise<void>;
};

/** Time for what is being answered when the server stops. */
const GRACE_MS = 2000;

/**
 * Starts the server; the model loads once it listens.
 * @throws Error where the address is taken, or a token is needed and missing
 */
export async function serve(options: ServeOptions): Promise<Serving> {
  const loopback = isLoopback(options.host);
  if (!loopback && options.token === undefined) {
    throw new Error(
      `${options.host} can be reached from other machines: that needs a token (CLIP_GEN_TOKEN, or --token-file)`,
    );
  }
  const { gallery, skipped } = await Gallery.open(options.gallery);
  const metrics = new Metrics();
  const { model, device, precision, mostWaiting } = options;
  const studio = new Studio({
    load: async () =>
      await ClipGen.fromPretrained(model, { ...(device && { device }), ...(precision && { precision }) }),
    gallery,
    metrics,
    observer: options.observer,
    ...(mostWaiting !== undefined && { mostWaiting }),
  });
  metrics.watch({
    clip_gen_jobs_waiting: { help: "Jobs that wait", read: () => studio.queue.waiting },
    clip_gen_jobs_running: { help: "Jobs that are drawn", read: () => studio.queue.running },
    clip_gen_gallery_pictures: { help: "Pictures in the gallery", read: () => gallery.count },
  });
  const app = createApp({
    studio,
    guard: { token: options.token, loopback },
    observer: options.observer,
    version: options.version,
    page: options.page,
    runs: new Runs(options.runs ?? []),
  });
  const server = createServer({ requestTimeout: 30_000, headersTimeout: 10_000 }, getRequestListener(app.fetch));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, resolve);
  });
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : options.port;
  const name = isIP(options.host) === 6 ? `[${options.host}]` : options.host;
  return {
    url: `http://${name}:${port}`,
    studio,
    skipped,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      await studio.close();
      const timer = setTimeout(() => server.closeAllConnections(), GRACE_MS);
      server.closeIdleConnections();
      await closed;
      clearTimeout(timer);
    },
  };
}

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host);
}
