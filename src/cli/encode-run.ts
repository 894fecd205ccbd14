import { existsSync } from "node:fs";
import { join } from "node:path";
import { writeEncoded } from "../data/encoded.ts";
import { streamFiles, streamOf, type PictureSet, type PictureStream } from "../data/pictures.ts";
import { Clip } from "../models/clip.ts";
import { Vqgan } from "../models/vqgan.ts";
import { parseDevice } from "../tensor/engine.ts";
import { encodePictures } from "../train/encode.ts";
import { UserError } from "./errors.ts";
import { interruptSignal } from "./interrupt.ts";
import { countPrinter } from "./progress.ts";
import { numberFlag } from "./number-flag.ts";
import { namedPictures, reportSkipped, trainingScenes } from "./training.ts";
import type { EncodeFlags } from "./encode.ts";

export async function runEncode(paths: string[], flags: EncodeFlags): Promise<void> {
  if (existsSync(join(flags.output, "index.json"))) throw new UserError(`${flags.output} exists already`);
  const device = parseDevice(flags.device);
  const clip = (await Clip.fromPretrained(flags.clip)).to(device);
  const vqgan = (await Vqgan.fromPretrained(flags.vqgan)).to(device);
  const size =
    flags.size === undefined ? vqgan.config.resolution : numberFlag("--size", flags.size, { least: 1, whole: true });
  const pictures = await pictureStream(paths, flags, size);
  const skipped: PictureSet["skipped"][number][] = [];
  const { signal, done } = interruptSignal("stopping; the same command begins anew");
  try {
    const encoded = encodePictures(pictures, {
      clip,
      vqgan,
      device,
      precision: flags.precision,
      signal,
      flip: flags.flip,
      keepPictures: flags.keepPictures ?? false,
      ...(flags.batchSize !== undefined && {
        batchSize: numberFlag("--batch-size", flags.batchSize, { least: 1, whole: true }),
      }),
      onProgress: countPrinter("encoding pictures"),
      onSkipped: (some) => skipped.push(...some),
    });
    await writeEncoded(flags.output, encoded);
  } finally {
    done();
  }
  reportSkipped({ count: pictures.count - skipped.length, skipped });
  console.log(`finished: ${flags.output}`);
}

async function pictureStream(paths: readonly string[], flags: EncodeFlags, size: number): Promise<PictureStream> {
  const crops = numberFlag("--crops", flags.crops, { least: 0, whole: true });
  const seed = numberFlag("--seed", flags.seed, { least: 0, whole: true });
  const scenes = trainingScenes(flags, size);
  if (scenes) {
    if (crops > 0) throw new UserError("--crops needs picture files; scenes are drawn in one size");
    return streamOf(scenes);
  }
  const files = await namedPictures(paths, { captions: flags.captions ?? false });
  return streamFiles(files, { size, ...(crops > 0 && { crops: { count: crops, flip: flags.flip, seed } }) });
}
