import { existsSync } from "node:fs";
import { join } from "node:path";
import { encodeFolder, shardRanges, type EncodeResult, type PictureRange } from "../data/encode-folder.ts";
import { slicePictures, streamOf, type PictureStream } from "../data/pictures.ts";
import { openPictures } from "../data/shards/open-pictures.ts";
import { partsOf } from "../data/shards/picture-store.ts";
import { streamStore } from "../data/shards/stored-images.ts";
import { Clip } from "../models/clip.ts";
import { Vqgan } from "../models/vqgan.ts";
import { parseDevice } from "../tensor/engine.ts";
import { encodePictures, networkHash, usualBatch } from "../train/encode.ts";
import { choosePrecision } from "../train/precision.ts";
import { UserError } from "./errors.ts";
import { interruptSignal } from "./interrupt.ts";
import { countPrinter } from "./progress.ts";
import { numberFlag } from "./number-flag.ts";
import { trainingScenes } from "./training.ts";
import type { EncodeFlags } from "./encode.ts";

export async function runEncode(paths: string[], flags: EncodeFlags): Promise<void> {
  if (existsSync(join(flags.output, "index.json"))) throw new UserError(`${flags.output} exists already`);
  const device = parseDevice(flags.device);
  const clip = await Clip.fromPretrained(flags.clip);
  const vqgan = await Vqgan.fromPretrained(flags.vqgan);
  const networks = { clip: networkHash(clip), vqgan: networkHash(vqgan) };
  const size = flags.size === undefined ? vqgan.config.resolution : whole("--size", flags.size, 1);
  const batchSize = flags.batchSize === undefined ? usualBatch(size) : whole("--batch-size", flags.batchSize, 1);
  const { flip, keepPictures = false, precision } = flags;
  const pictures = await picturesToEncode(paths, flags, size);
  const options = { clip: clip.to(device), vqgan: vqgan.to(device), device, precision, flip, keepPictures, batchSize };
  const { signal, done } = interruptSignal("stopping; the same command goes on where it was");
  try {
    const result = await encodeFolder({
      folder: flags.output,
      shards: shardRanges(pictures.parts),
      settings: {
        ...networks,
        pictures: pictures.version,
        size,
        flip,
        crops: Number(flags.crops),
        seed: Number(flags.seed),
        keepPictures,
        captions: flags.captions ?? false,
        dtype: choosePrecision(precision, device).dtype,
        batchSize,
      },
      encode: (range, onSkipped) => encodePictures(pictures.stream(range), { ...options, signal, onSkipped }),
      ...(flags.mostBroken !== undefined && { mostBroken: whole("--most-broken", flags.mostBroken, 0) }),
      onProgress: countPrinter("encoding pictures"),
      signal,
    });
    report(result);
  } finally {
    done();
  }
  console.log(`finished: ${flags.output}`);
}

function report({ count, broken, skipped }: EncodeResult): void {
  console.log(`${count} pictures`);
  if (broken === 0) return;
  console.log(`${broken} could not be read and are passed over:`);
  for (const { file, reason } of skipped.slice(0, 10)) console.log(`  ${file}: ${reason}`);
  if (broken > 10) console.log(`  and ${broken - 10} more`);
}

type Encodable = {
  parts: readonly number[];
  /** Tells these pictures from others. */
  version: string;
  stream: (range: PictureRange) => PictureStream;
};

async function picturesToEncode(paths: readonly string[], flags: EncodeFlags, size: number): Promise<Encodable> {
  const crops = whole("--crops", flags.crops, 0);
  const seed = whole("--seed", flags.seed, 0);
  const scenes = trainingScenes(flags, size);
  if (scenes) {
    if (crops > 0) throw new UserError("--crops needs picture files; scenes are drawn in one size");
    return {
      parts: partsOf(scenes.count),
      version: `${scenes.count} ${flags.sceneKind} scenes`,
      stream: ([start, end]) => streamOf(slicePictures(scenes, start, end)),
    };
  }
  if (paths.length === 0) throw new UserError("give folders with pictures or shards, or --scenes 20000");
  const store = await openPictures(paths, {
    captions: flags.captions ?? false,
    onProgress: countPrinter("looking through shards"),
  });
  const views = { size, ...(crops > 0 && { crops: { count: crops, flip: flags.flip, seed } }) };
  return {
    parts: store.parts,
    version: store.version(),
    stream: (range) => streamStore(store, { ...views, range }),
  };
}

function whole(flag: string, text: string, least: number): number {
  return numberFlag(flag, text, { least, whole: true });
}
