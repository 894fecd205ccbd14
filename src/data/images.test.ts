import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import sharp, { type Sharp } from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decodeImage, ImageError } from "./images.ts";
import { Random } from "../random.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "clip-gen-images-"));
});
afterAll(async () => rm(folder, { recursive: true }));

/** A picture of 60×40 whose left half is red and whose right half is blue. */
function halves(): Sharp {
  const data = Buffer.alloc(60 * 40 * 3);
  for (let index = 0; index < 60 * 40; index++) data[index * 3 + (index % 60 < 30 ? 0 : 2)] = 255;
  return sharp(data, { raw: { width: 60, height: 40, channels: 3 } });
}

function pixel(image: { data: Uint8Array; width: number }, x: number, y: number): number[] {
  const offset = (y * image.width + x) * 3;
  return [...image.data.subarray(offset, offset + 3)];
}

function expectClose(actual: number[], expected: number[], tolerance: number): void {
  expect(actual.length).toBe(expected.length);
  for (const [index, value] of expected.entries()) {
    expect(Math.abs((actual[index] ?? Number.NaN) - value), `${actual} against ${expected}`).toBeLessThanOrEqual(
      tolerance,
    );
  }
}

describe("decodeImage reads", () => {
  test.each(["png", "jpeg", "webp", "gif", "avif", "tiff"] as const)(
    "%s, from bytes and from a path",
    async (format) => {
      const bytes = await halves().toFormat(format, { quality: 95 }).toBuffer();
      const path = join(folder, `halves.${format}`);
      await writeFile(path, bytes);
      const image = await decodeImage(bytes);
      expect([image.width, image.height, image.data.length]).toEqual([60, 40, 60 * 40 * 3]);
      expectClose(pixel(image, 5, 20), [255, 0, 0], 8);
      expectClose(pixel(image, 55, 20), [0, 0, 255], 8);
      expect(await decodeImage(path)).toEqual(image);
    },
  );

  test("grey as RGB", async () => {
    const bytes = await sharp({ create: { width: 9, height: 9, channels: 3, background: "#646464" } })
      .toColourspace("b-w")
      .png()
      .toBuffer();
    expect((await sharp(bytes).metadata()).channels).toBe(1);
    expect(pixel(await decodeImage(bytes), 4, 4)).toEqual([100, 100, 100]);
  });

  test.each([1, 2, 3, 4] as const)("16 bits a channel, %i channels, scaled and not clipped", async (channels) => {
    const values = new Uint16Array(8 * 8 * channels).fill(0x8000);
    if (channels % 2 === 0) for (let at = channels - 1; at < values.length; at += channels) values[at] = 0xffff;
    const bytes = await sharp(values, { raw: { width: 8, height: 8, channels } })
      .toColourspace(channels < 3 ? "grey16" : "rgb16")
      .png()
      .toBuffer();
    expect((await sharp(bytes).metadata()).depth).toBe("ushort");
    expectClose(pixel(await decodeImage(bytes), 4, 4), [128, 128, 128], 1);
    expectClose(pixel(await decodeImage(bytes, { size: 4 }), 2, 2), [128, 128, 128], 1);
  });

  test("transparency over the background, without dark edges", async () => {
    const data = Buffer.alloc(20 * 20 * 4);
    for (let index = 0; index < 400; index++) data.set(index % 20 < 10 ? [0, 255, 0, 255] : [0, 0, 0, 0], index * 4);
    const bytes = await sharp(data, { raw: { width: 20, height: 20, channels: 4 } })
      .png()
      .toBuffer();
    expect(pixel(await decodeImage(bytes), 15, 5)).toEqual([255, 255, 255]);
    expect(pixel(await decodeImage(bytes, { background: [10, 20, 30] }), 15, 5)).toEqual([10, 20, 30]);
    const small = await decodeImage(bytes, { size: 7 });
    for (let x = 0; x < 7; x++) expect(pixel(small, x, 3)[1]).toBeGreaterThanOrEqual(250);
  });

  test("16-bit transparency over the background", async () => {
    const values = new Uint16Array(8 * 8 * 4);
    const bytes = await sharp(values, { raw: { width: 8, height: 8, channels: 4 } })
      .toColourspace("rgb16")
      .png()
      .toBuffer();
    expectClose(pixel(await decodeImage(bytes, { background: [10, 120, 230] }), 4, 4), [10, 120, 230], 1);
  });

  test("the EXIF rotation", async () => {
    const bytes = await halves().jpeg({ quality: 95 }).withMetadata({ orientation: 6 }).toBuffer();
    const image = await decodeImage(bytes);
    expect([image.width, image.height]).toEqual([40, 60]);
    expectClose(pixel(image, 20, 5), [255, 0, 0], 8);
    expectClose(pixel(image, 20, 55), [0, 0, 255], 8);
    // A random crop counts in the turned picture, too: a square of the full width never leaves it.
    const crop = await decodeImage(bytes, { size: 10, crop: "random", scale: [1, 1], random: new Random(1) });
    expect(crop.data.length).toBe(300);
  });

  test("CMYK", async () => {
    const bytes = await halves().toColourspace("cmyk").jpeg({ quality: 95 }).toBuffer();
    expect((await sharp(bytes).metadata()).space).toBe("cmyk");
    const [red, , blue] = pixel(await decodeImage(bytes), 5, 20);
    expect((red ?? 0) - (blue ?? 0)).toBeGreaterThan(150);
  });

  test("another colour profile as sRGB", async () => {
    const bytes = await sharp({ create: { width: 9, height: 9, channels: 3, background: "#c83232" } })
      .withIccProfile("p3")
      .png()
      .toBuffer();
    expect((await sharp(bytes).metadata()).icc).toBeDefined();
    expectClose(pixel(await decodeImage(bytes), 4, 4), [200, 50, 50], 3);
  });

  test("the first frame of a moving picture", async () => {
    const frames = Buffer.concat([Buffer.alloc(8 * 8 * 3, 255), Buffer.alloc(8 * 8 * 3, 0)]);
    const bytes = await sharp(frames, { raw: { width: 8, height: 16, channels: 3, pageHeight: 8 } })
      .gif()
      .toBuffer();
    expect((await sharp(bytes).metadata()).pages).toBe(2);
    const image = await decodeImage(bytes);
    expect([image.width, image.height, ...pixel(image, 4, 4)]).toEqual([8, 8, 255, 255, 255]);
  });
});

describe("decodeImage crops", () => {
  test("the middle, shorter side to size", async () => {
    const image = await decodeImage(await halves().png().toBuffer(), { size: 20 });
    expect([image.width, image.height]).toEqual([20, 20]);
    expectClose(pixel(image, 2, 10), [255, 0, 0], 2);
    expectClose(pixel(image, 17, 10), [0, 0, 255], 2);
  });

  test("at random, the same for the same draws", async () => {
    const bytes = await halves().png().toBuffer();
    const crop = async (seed: number): Promise<string> => {
      const image = await decodeImage(bytes, {
        size: 8,
        crop: "random",
        scale: [0.3, 1],
        flip: true,
        random: new Random(seed),
      });
      return Buffer.from(image.data).toString("hex");
    };
    expect(await crop(1)).toBe(await crop(1));
    const different = new Set(await Promise.all([1, 2, 3, 4, 5, 6].map((seed) => crop(seed))));
    expect(different.size).toBeGreaterThan(2);
  });

  test("mirrored half of the time", async () => {
    const bytes = await halves().png().toBuffer();
    const images = await Promise.all(
      Array.from({ length: 40 }, (_, seed) => decodeImage(bytes, { size: 8, flip: true, random: new Random(seed) })),
    );
    const mirrored = images.filter((image) => (image.data[0] ?? 0) < 128).length;
    expect(mirrored).toBeGreaterThan(8);
    expect(mirrored).toBeLessThan(32);
  });

  test("a picture of one pixel", async () => {
    const bytes = await sharp({ create: { width: 1, height: 1, channels: 3, background: "#ff0000" } })
      .png()
      .toBuffer();
    const image = await decodeImage(bytes, { size: 4, crop: "random", random: new Random(1) });
    expect(pixel(image, 3, 3)).toEqual([255, 0, 0]);
  });

  test("not with options that make no sense", async () => {
    const bytes = await halves().png().toBuffer();
    await expect(decodeImage(bytes, { size: 0 })).rejects.toThrow("size must be");
    await expect(decodeImage(bytes, { size: 8, crop: "random" })).rejects.toThrow("need a Random");
    await expect(decodeImage(bytes, { crop: "random", random: new Random(1) })).rejects.toThrow(
      'needs the option "size"',
    );
    await expect(decodeImage(bytes, { scale: [0, 1] })).rejects.toThrow("scale must be");
  });
});

describe("decodeImage refuses", () => {
  test.each(["png", "jpeg", "webp", "gif", "tiff"] as const)("a truncated %s", async (format) => {
    const noise = new Random(1);
    const data = Buffer.from(Uint8Array.from({ length: 100 * 100 * 3 }, () => noise.int(256)));
    const bytes = await sharp(data, { raw: { width: 100, height: 100, channels: 3 } })
      .toFormat(format)
      .toBuffer();
    await expect(decodeImage(bytes.subarray(0, bytes.length / 2))).rejects.toThrow(ImageError);
  });

  test("a missing file, a folder, an empty file and a text, with path and reason", async () => {
    const empty = join(folder, "empty.png");
    const text = join(folder, "text.png");
    await writeFile(empty, "");
    await writeFile(text, "not a picture");
    const missing = join(folder, "missing.png");
    await expect(decodeImage(missing)).rejects.toMatchObject({ path: missing, reason: "there is no such file" });
    await expect(decodeImage(folder)).rejects.toMatchObject({ path: folder, reason: "it is a folder" });
    await expect(decodeImage(empty)).rejects.toMatchObject({ path: empty, reason: "the file is empty" });
    await expect(decodeImage(text)).rejects.toThrow(`cannot read the picture ${text}: it is not a picture`);
  });

  test("SVG, which can name other files", async () => {
    const svg = Buffer.from(
      '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><rect width="8" height="8"/></svg>',
    );
    await expect(decodeImage(svg)).rejects.toThrow("not a picture of a known format");
  });

  test("a small file that claims a huge picture", async () => {
    const bytes = await halves().png().toBuffer();
    bytes.writeUInt32BE(60_000, 16);
    bytes.writeUInt32BE(60_000, 20);
    bytes.writeUInt32BE(crc32(bytes.subarray(12, 29)), 29);
    await expect(decodeImage(bytes, { size: 8 })).rejects.toThrow("more than 100000000 pixels");
  });
});
