import { existsSync } from "node:fs";
import { join } from "node:path";
import type { CommonTraining } from "../config.ts";
import { generatorCompositions } from "../data/composition-splits.ts";
import { drawCompositions, drawScenes, type PictureSet, type PictureSource } from "../data/pictures.ts";
import { openPictures } from "../data/shards/open-pictures.ts";
import { pictureSource } from "../data/shards/picture-source.ts";
import type { PictureStore } from "../data/shards/picture-store.ts";
import { readStore } from "../data/shards/stored-images.ts";
import { isFirst } from "../distributed/group.ts";
import { threadCount } from "../tensor/engine.ts";
import { writeFolderAtomic } from "../io/atomic.ts";
import { runStage, type Stage } from "../train/loop.ts";
import { choosePrecision } from "../train/precision.ts";
import { parseDevice } from "../tensor/engine.ts";
import { printable } from "../io/read-error.ts";
import { UserError } from "./errors.ts";
import { interruptSignal } from "./interrupt.ts";
import { numberFlag } from "./number-flag.ts";
import { countPrinter, duration, progressPrinter } from "./progress.ts";
import type { SceneFlags } from "./scene-flags.ts";
import type { TrainingFlags } from "./training-flags.ts";

/** Runs a stage from the command line: says what it does, saves on Ctrl-C, and writes the finished network. */
export async function runTraining(
  stage: Stage,
  options: {
    flags: TrainingFlags;
    /** What the run's config.json says. */
    config: unknown;
    settings: CommonTraining;
    parameters: number;
    /** What is written at the end, by the name of its folder in the run's. */
    results: Readonly<Record<string, (folder: string) => Promise<void>>>;
  },
): Promise<void> {
  const { flags, config, settings } = options;
  const precision = choosePrecision(settings.precision, parseDevice(settings.device));
  console.log(
    `${stage.name}: ${(options.parameters / 1e6).toFixed(1)}M parameters, ${settings.steps} steps of ${stage.batchSize}, ` +
      `${precision.dtype} (${precision.reason}), ${threadCount()} threads on ${stage.device}`,
  );
  if (flags.dryRun) {
    const start = performance.now();
    const { loss } = stage.step(0);
    const seconds = (performance.now() - start) / 1000;
    console.log(
      `dry run: the first step gives loss ${loss?.toFixed(4)} in ${seconds.toFixed(2)} s; nothing was written`,
    );
    console.log(`all ${settings.steps} steps would take about ${duration(seconds * settings.steps)}`);
    return;
  }
  const results = Object.entries(options.results).map(([name, write]) => ({ path: join(flags.output, name), write }));
  for (const { path } of results) {
    if (existsSync(path) && !flags.resume) throw new UserError(`${path} exists already; choose another --output`);
  }
  const { signal, done } = interruptSignal(`saving, then stopping; go on later with --resume`);
  try {
    const step = await runStage(stage, {
      folder: flags.output,
      config,
      resume: flags.resume ?? false,
      steps: settings.steps,
      sampleEvery: settings.sampleEvery,
      checkpointEvery: settings.checkpointEvery,
      keepCheckpoints: settings.keepCheckpoints,
      retries: settings.retries,
      onProgress: progressPrinter(),
      onNotice: (text) => isFirst() && console.error(`clip-gen: ${text}`),
      signal,
    });
    if (step < settings.steps) {
      console.log(`stopped after step ${step}; go on with the same command and --resume`);
      process.exitCode = 130;
      return;
    }
    if (!isFirst()) return;
    for (const { path, write } of results) await writeFolderAtomic(path, write, { replace: true });
    console.log(`finished: ${results.map(({ path }) => path).join(", ")}`);
  } finally {
    done();
  }
}

/** Names pictures that could not be read. */
export function reportSkipped({ skipped, count }: Pick<PictureSet, "skipped" | "count">): void {
  console.log(`${count} pictures`);
  if (skipped.length === 0) return;
  console.log(`${skipped.length} could not be read and are passed over:`);
  for (const { file, reason } of skipped.slice(0, 10)) console.log(printable(`  ${file}: ${reason}`));
  if (skipped.length > 10) console.log(`  and ${skipped.length - 10} more`);
}

/** Synthetic scenes to train a generator on, without what is kept apart; undefined where the flags ask for none. */
export function trainingScenes({ scenes, sceneKind }: SceneFlags, size: number): PictureSet | undefined {
  if (scenes === undefined) return undefined;
  const set = { count: sceneCount(scenes), size, seed: 2 };
  return sceneKind === "composed"
    ? drawCompositions({ ...set, ...generatorCompositions })
    : drawScenes({ ...set, heldOut: "exclude" });
}

/** Synthetic scenes to train CLIP on, of all combinations; undefined where the flags ask for none. */
export function captionedScenes(
  { scenes, sceneKind }: SceneFlags,
  { size, alike }: { size: number; alike: number },
): PictureSet | undefined {
  if (scenes === undefined) return undefined;
  const set = { count: sceneCount(scenes), size, seed: 1 };
  return sceneKind === "composed" ? drawCompositions({ ...set, alike }) : drawScenes({ ...set, heldOut: "include" });
}

/** What a run's config.json says of its scenes, so that it cannot go on with others; nothing for single ones. */
export function sceneConfig({ scenes, sceneKind }: SceneFlags): { sceneKind?: string } {
  return scenes !== undefined && sceneKind !== "single" ? { sceneKind } : {};
}

function sceneCount(scenes: string): number {
  return numberFlag("--scenes", scenes, { least: 1, whole: true });
}

/** Decoded pictures take so much memory at most; more stay where they are, and are read as they are needed. */
const IN_MEMORY = 2 * 2 ** 30;

/** The pictures that a training names: folders, lists, shards here or elsewhere. In memory where there are not too many. */
export async function trainingPictures(paths: readonly string[], size: number): Promise<PictureSet | PictureSource> {
  const store = await openNamed(paths, { captions: false });
  if (store.count * size * size * 3 <= IN_MEMORY) return await loadStore(store, size);
  console.log(`${store.count} pictures, read as they are needed`);
  return pictureSource(store, { size });
}

/** All of the pictures that a training names in memory, with their captions where it needs them. */
export async function loadPictures(
  paths: readonly string[],
  { size, captions }: { size: number; captions: boolean },
): Promise<PictureSet> {
  return await loadStore(await openNamed(paths, { captions }), size);
}

async function openNamed(paths: readonly string[], { captions }: { captions: boolean }): Promise<PictureStore> {
  if (paths.length > 0) {
    return await openPictures(paths, { captions, onProgress: countPrinter("looking through shards") });
  }
  throw new UserError(
    captions
      ? "give pictures with captions: a .jsonl list, a folder with texts, or shards"
      : "give folders with pictures or shards, or --scenes 20000",
  );
}

/** Tells how it goes, and what cannot be read. */
async function loadStore(store: PictureStore, size: number): Promise<PictureSet> {
  const pictures = await readStore(store, { size, onProgress: countPrinter("reading pictures") });
  reportSkipped(pictures);
  return pictures;
}
