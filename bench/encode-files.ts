import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { readPictures, streamFiles, streamOf, type PictureFile, type PictureStream } from "../src/data/pictures.ts";
import { Clip } from "../src/models/clip.ts";
import { clipPresets } from "../src/models/clip-config.ts";
import { Vqgan } from "../src/models/vqgan.ts";
import { vqganPresets } from "../src/models/vqgan-config.ts";
import { Random } from "../src/random.ts";
import { encodePictures } from "../src/train/encode.ts";
import type { Context } from "./context.ts";
import { alternate, compareTimes, type Measurement, type Runner } from "./measure.ts";

const networks = [
  { name: "VQGAN paper and CLIP ViT-B/32", vqgan: vqganPresets.paper, clip: clipPresets["vit-b-32"], count: 24 },
  { name: "VQGAN small64 and CLIP small64", vqgan: vqganPresets.small64, clip: clipPresets.small64, count: 512 },
];

/** Encoding from photographs on disk, beside the same networks on pictures in memory, and the same with all files read first. */
export async function measureFiles(context: Context): Promise<Measurement[]> {
  const folder = mkdtempSync(join(tmpdir(), "clip-gen-files-"));
  try {
    const files = await photographs(folder, context.seed);
    const results: Measurement[] = [];
    for (const each of networks) {
      const chosen = Array.from({ length: each.count }, (_, i) => files[i % files.length] ?? { file: "" });
      results.push(await compareFiles(context, each, chosen));
    }
    return results;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function compareFiles(
  { effort }: Context,
  { name, vqgan: vqganConfig, clip: clipConfig }: (typeof networks)[number],
  files: readonly PictureFile[],
): Promise<Measurement> {
  using vqgan = new Vqgan(vqganConfig);
  using clip = new Clip(clipConfig);
  const size = vqganConfig.resolution;
  const read = await readPictures(files, { size });
  const encode = async (pictures: PictureStream): Promise<void> => {
    let count = 0;
    for await (const batch of encodePictures(pictures, { clip, vqgan })) count += batch.count;
    if (count !== files.length) throw new Error(`${count} of ${files.length} pictures were encoded`);
  };
  const samples = await alternate(
    [
      timed("clip-gen", () => encode(streamFiles(files, { size }))),
      timed("networks alone", () => encode(streamOf(read))),
      timed("files read first", async () => encode(streamOf(await readPictures(files, { size })))),
    ],
    { rounds: Math.max(1, Math.round(5 * effort)), count: 1, seconds: 60 * effort },
  );
  const title = `encode ${files.length} photographs of 0.8 megapixels, ${name}`;
  return compareTimes(samples, { name: title, unit: "ms", perMillisecond: 1 });
}

function timed(name: string, work: () => Promise<void>): Runner {
  const run = async (count: number): Promise<number[]> => {
    const times: number[] = [];
    for (let i = 0; i < count; i += 1) {
      const start = performance.now();
      await work();
      times.push(performance.now() - start);
    }
    return times;
  };
  return { name, run };
}

/** JPEGs with about as much detail as a photograph. */
async function photographs(folder: string, seed: number): Promise<PictureFile[]> {
  const random = new Random(seed, "photographs");
  const files: PictureFile[] = [];
  for (let i = 0; i < 16; i += 1) {
    const [width, height] = [128, 96];
    const noise = Uint8Array.from({ length: width * height * 3 }, () => random.int(256));
    const file = join(folder, `${i}.jpg`);
    const raw = { width, height, channels: 3 } as const;
    await sharp(noise, { raw }).resize(1024, 768).jpeg({ quality: 90 }).toFile(file);
    files.push({ file });
  }
  return files;
}
