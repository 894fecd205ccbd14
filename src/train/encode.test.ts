import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { beforeAll, describe, expect, test } from "vitest";
import { settledTensors, temporaryFolder, tinyClip, tinyPictures, tinyVqgan } from "../../test/tiny.ts";
import { joinEncoded, type EncodedSet } from "../data/encoded.ts";
import { streamFiles, streamOf, type PictureFile, type PictureStream } from "../data/pictures.ts";
import { memoryFigures } from "../tensor/engine.ts";
import { encodePictures, type EncodeOptions } from "./encode.ts";

const folder = temporaryFolder();
const set = tinyPictures(7);
const files: PictureFile[] = set.captions.map((captions, i) => ({ file: join(folder, `${i}.png`), captions }));
const damaged: PictureFile = { file: join(folder, "damaged.png"), captions: ["nothing"] };
const clip = tinyClip();
const vqgan = tinyVqgan();

beforeAll(async () => {
  const each = set.images.length / set.count;
  for (const [i, { file }] of files.entries()) {
    const raw = { width: set.size, height: set.size, channels: 3 } as const;
    await sharp(set.images.slice(i * each, (i + 1) * each), { raw })
      .png()
      .toFile(file);
  }
  writeFileSync(damaged.file, "no picture");
});

async function encoded(pictures: PictureStream, options: Partial<EncodeOptions> = {}): Promise<EncodedSet> {
  const batches: EncodedSet[] = [];
  for await (const batch of encodePictures(pictures, { clip, vqgan, precision: "float32", ...options })) {
    batches.push(batch);
  }
  return joinEncoded(batches);
}

/** The numbers of some views alone. */
function viewsOf(data: Int32Array | Float32Array | Uint8Array, of: EncodedSet, view: number): number[] {
  const width = data.length / (of.count * of.views);
  return Array.from(data).filter((_, i) => Math.floor(i / width) % of.views === view);
}

function imagesOf(of: EncodedSet, view: number): number[] {
  return viewsOf(of.pictures?.images ?? new Uint8Array(), of, view);
}

describe("encoding", () => {
  test("of files is that of the same pictures in memory, whatever the batches", async () => {
    const options = { flip: true, keepPictures: true };
    const whole = await encoded(streamOf(set), options);
    const inBatches = await encoded(streamFiles(files, { size: set.size }), { ...options, batchSize: 3 });
    const { embeddings, ...rest } = whole;
    expect(inBatches).toEqual({ ...rest, names: files.map(({ file }) => file), embeddings: inBatches.embeddings });
    for (const [i, value] of embeddings.entries()) expect(inBatches.embeddings[i]).toBeCloseTo(value, 5);
  });

  test("has the picture as the first view, crops after it, and the mirrored picture last", async () => {
    const crops = { count: 2, flip: true, seed: 3 };
    const plain = await encoded(streamFiles(files, { size: set.size }), { flip: true, keepPictures: true });
    const all = await encoded(streamFiles(files, { size: set.size, crops }), { flip: true, keepPictures: true });
    expect([plain.views, all.views]).toEqual([2, 4]);
    for (const [one, other] of [
      [0, 0],
      [1, 3],
    ] as const) {
      expect(imagesOf(all, other)).toEqual(imagesOf(plain, one));
      expect(viewsOf(all.tokens, all, other)).toEqual(viewsOf(plain.tokens, plain, one));
    }
    expect(imagesOf(all, 1)).not.toEqual(imagesOf(all, 0));
    expect(imagesOf(all, 1)).not.toEqual(imagesOf(all, 2));
    const again = await encoded(streamFiles(files, { size: set.size, crops }), {
      flip: true,
      keepPictures: true,
      batchSize: 2,
    });
    expect(again.pictures).toEqual(all.pictures);
  });

  test("passes damaged files over and names them, also a whole batch of them", async () => {
    const [a, b, c] = files;
    if (!a || !b || !c) throw new Error("too few files");
    const skipped: string[] = [];
    const steps: string[] = [];
    const mixed = await encoded(streamFiles([a, damaged, damaged, damaged, b, c], { size: set.size }), {
      batchSize: 2,
      onSkipped: (some) => skipped.push(...some.map(({ file }) => file)),
      onProgress: (done, total) => steps.push(`${done}/${total}`),
    });
    expect(mixed.names).toEqual([a.file, b.file, c.file]);
    expect(skipped).toEqual([damaged.file, damaged.file, damaged.file]);
    expect(steps).toEqual(["2/6", "4/6", "6/6"]);
    await expect(encoded(streamFiles([damaged, damaged], { size: set.size }))).rejects.toThrow(
      `none of 2 pictures could be read; the first, ${damaged.file}: it is not a picture of a known format`,
    );
  });

  test("stops between batches, and leaves nothing behind", async () => {
    const before = await settledTensors();
    const controller = new AbortController();
    const stop = encoded(streamFiles(files, { size: set.size }), {
      batchSize: 2,
      signal: controller.signal,
      onProgress: () => controller.abort(new Error("enough")),
    });
    await expect(stop).rejects.toThrow("enough");
    expect(memoryFigures().tensors).toBe(before);
  });

  test("never reads more than two batches ahead", async () => {
    const copies = Array.from({ length: 40 }, (_, i) => ({ file: join(folder, `copy-${i}.png`) }));
    for (const { file } of copies.slice(0, 12)) cpSync(files[0]?.file ?? "", file);
    let batches = 0;
    for await (const batch of streamFiles(copies, { size: set.size }).batches(4)) {
      batches += 1;
      // Files that come into being late are read, so nobody looked for them before.
      for (const { file } of copies.slice(4 * batches + 4, 4 * batches + 12)) cpSync(files[0]?.file ?? "", file);
      expect(batch.skipped).toEqual([]);
    }
    expect(batches).toBe(10);
  });
});
