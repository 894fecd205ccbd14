import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { writeEncoded } from "../data/encoded.ts";
import { Clip } from "../models/clip.ts";
import { Vqgan } from "../models/vqgan.ts";
import { parseDevice } from "../tensor/engine.ts";
import { encodePictures } from "../train/encode.ts";
import { UserError } from "./errors.ts";
import { interruptSignal } from "./interrupt.ts";
import { countPrinter } from "./progress.ts";
import { trainingPictures } from "./train-vqgan.ts";

type Flags = {
  clip: string;
  vqgan: string;
  output: string;
  size?: string;
  flip: boolean;
  keepPictures?: boolean;
  batchSize: string;
  device: string;
  scenes?: string;
};

export function encodeCommand(program: Command): void {
  program
    .command("encode")
    .description("encode pictures once: VQGAN's tokens and CLIP's embeddings, for train gpt")
    .argument("[pictures...]", "folders with pictures, searched through to the bottom")
    .requiredOption("--clip <folder>", "the frozen CLIP")
    .requiredOption("--vqgan <folder>", "the frozen VQGAN")
    .requiredOption("-o, --output <folder>", "where the tokens and embeddings go")
    .option("--size <pixels>", "side of the pictures; by default the VQGAN's")
    .option("--no-flip", "do not encode mirrored pictures as well")
    .option("--keep-pictures", "keep the pictures too, for objectives that compare pictures")
    .option("--batch-size <n>", "pictures at a time", "64")
    .option("--device <name>", "cpu, cuda or cuda:N", "cpu")
    .option("--scenes <n>", "encode this many synthetic scenes in place of pictures")
    .action(async (paths: string[], flags: Flags) => {
      if (existsSync(join(flags.output, "index.json"))) throw new UserError(`${flags.output} exists already`);
      const device = parseDevice(flags.device);
      const clip = (await Clip.fromPretrained(flags.clip)).to(device);
      const vqgan = (await Vqgan.fromPretrained(flags.vqgan)).to(device);
      const size = flags.size === undefined ? vqgan.config.resolution : Number(flags.size);
      const pictures = await trainingPictures(paths, flags, size);
      const { signal, done } = interruptSignal("stopping; nothing has been written");
      try {
        const encoded = await encodePictures(pictures, {
          clip,
          vqgan,
          device,
          signal,
          flip: flags.flip,
          keepPictures: flags.keepPictures ?? false,
          batchSize: Number(flags.batchSize),
          onProgress: countPrinter("encoding pictures"),
        });
        writeEncoded(flags.output, encoded);
      } finally {
        done();
      }
      console.log(`finished: ${flags.output}`);
    });
}
