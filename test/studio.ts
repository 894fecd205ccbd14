import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ClipGen } from "../src/generate/pipeline.ts";
import { createApp } from "../src/server/app.ts";
import type { Api } from "../src/server/context.ts";
import { Gallery } from "../src/server/gallery.ts";
import type { GuardOptions } from "../src/server/guard.ts";
import { Metrics } from "../src/server/metrics.ts";
import type { Observer } from "../src/server/observe.ts";
import { Studio } from "../src/server/studio.ts";
import { tinyModel } from "./tiny.ts";

export type TinyStudio = {
  app: Api;
  studio: Studio;
  gallery: Gallery;
  folder: string;
  answered: Parameters<Observer["answered"]>[0][];
  failed: Error[];
  close(): Promise<void>;
};

/** The API over a model that draws in milliseconds, without a socket. */
export async function tinyStudio(
  options: { load?: () => Promise<ClipGen>; guard?: GuardOptions; mostWaiting?: number } = {},
): Promise<TinyStudio> {
  const folder = mkdtempSync(join(tmpdir(), "clip-gen-gallery-"));
  const { gallery } = await Gallery.open(folder);
  const answered: TinyStudio["answered"] = [];
  const failed: Error[] = [];
  const observer: Observer = {
    answered: (request) => answered.push(request),
    asked: () => {},
    failed: (_, error) => failed.push(error),
  };
  const studio = new Studio({
    load: options.load ?? (() => Promise.resolve(tinyModel())),
    gallery,
    metrics: new Metrics(),
    observer,
    ...(options.mostWaiting !== undefined && { mostWaiting: options.mostWaiting }),
  });
  const app = createApp({
    studio,
    guard: options.guard ?? { loopback: true },
    observer,
    version: "0.0.0",
  });
  if (!options.load) await studio.loaded;
  const close = async (): Promise<void> => {
    await studio.close();
    rmSync(folder, { recursive: true, force: true });
  };
  return { app, studio, gallery, folder, answered, failed, close };
}
