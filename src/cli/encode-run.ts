import { existsSync } from "node:fs";
import { join } from "node:path";
import { writeEncoded } from "../data/encoded.ts";
import { Clip } from "../models/clip.ts";
import { Vqgan } from "../models/vqgan.ts";
import { parseDevice } from "../tensor/engine.ts";
import { encodePictures } from "../train/encode.ts";
import { UserError } from "./errors.ts";
import { interruptSignal } from "./interrupt.ts";
import { countPrinter } from "./progress.ts";
import { numberFlag } from "./number-flag.ts";
import { captionedPictures, trainingPictures } from "./training.ts";
import type { EncodeFlags } from "./encode.ts";

export async function runEncode(paths: string[], flags: EncodeFlags): Promise<void> {
  if (existsSync(join(flags.output, "index.json"))) throw new UserError(`${flags.output} exists already`);
  const device = parseDevice(flags.device);
  const clip = (await Clip.fromPretrained(flags.clip)).to(device);
  const vqgan = (await Vqgan.fromPretrained(flags.vqgan)).to(device);
  const size =
    flags.size === undefined ? vqgan.config.resolution : numberFlag("--size", flags.size, { least: 1, whole: true });
  const pictures = await (flags.captions ? captionedPictures(paths, size) : trainingPictures(paths, flags, size));
  const { signal, done } = interruptSignal("stopping; nothing has been written");
  try {
    const encoded = await encodePictures(pictures, {
      clip,
      vqgan,
      device,
      precision: flags.precision,
      signal,
      flip: flags.flip,
      keepPictures: flags.keepPictures ?? false,
      batchSize: numberFlag("--batch-size", flags.batchSize, { least: 1, whole: true }),
      onProgress: countPrinter("encoding pictures"),
    });
    writeEncoded(flags.output, encoded);
  } finally {
    done();
  }
  console.log(`finished: ${flags.output}`);
}
