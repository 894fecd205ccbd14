import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../../test/tiny.ts";
import { crc32 } from "../io/crc.ts";
import { clipPresets } from "../models/clip-config.ts";
import { clipPreprocess } from "./clip-preprocess.ts";
import { loadImages } from "./image-files.ts";
import { decodeImage, ImageError } from "./images.ts";

const folder = temporaryFolder();

/** Bytes that the process grows by while something runs, looked at now and then, as decoders take theirs outside of JavaScript. */
async function growth(run: () => Promise<unknown>): Promise<{ bytes: number; error: unknown; ms: number }> {
  const before = process.memoryUsage.rss();
  let most = before;
  const timer = setInterval(() => (most = Math.max(most, process.memoryUsage.rss())), 5);
  const start = performance.now();
  let error: unknown;
  try {
    await run();
  } catch (reason) {
    error = reason;
  }
  clearInterval(timer);
  return { bytes: Math.max(most, process.memoryUsage.rss()) - before, error, ms: performance.now() - start };
}

function chunk(type: string, data: Uint8Array): Buffer {
  const bytes = Buffer.alloc(12 + data.byteLength);
  bytes.writeUInt32BE(data.byteLength, 0);
  bytes.write(type, 4, "latin1");
  bytes.set(data, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, -4)), 8 + data.byteLength);
  return bytes;
}

type Png = {
  width: number;
  height: number;
  depth?: number;
  colour?: number;
  interlaced?: boolean;
  data?: Uint8Array;
  more?: Buffer[];
};

/** A PNG that says what it likes of itself. */
function png({
  width,
  height,
  depth = 8,
  colour = 0,
  interlaced = false,
  data = deflateSync(Buffer.alloc(64)),
  more = [],
}: Png): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([depth, colour, 0, 0, interlaced ? 1 : 0], 8);
  const signature = Buffer.from("\u0089PNG\r\n\u001a\n", "latin1");
  return Buffer.concat([
    signature,
    chunk("IHDR", header),
    ...more,
    chunk("IDAT", data),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

const small = sharp({ create: { width: 16, height: 16, channels: 3, background: "red" } });

/** The bytes with a number that is there once replaced. */
function patched(
  bytes: Buffer,
  [at, value, size]: readonly [at: number, value: number, size: 2 | 3 | 4],
  order: "LE" | "BE",
): Buffer {
  const copy = Buffer.from(bytes);
  if (order === "LE") copy.writeUIntLE(value, at, size);
  else copy.writeUIntBE(value, at, size);
  return copy;
}

/** Small files of each format that claim as many pixels as it lets them. */
async function claims(): Promise<[name: string, bytes: Buffer][]> {
  const jpeg = await small.clone().jpeg().toBuffer();
  const frame = jpeg.indexOf(Buffer.from([0xff, 0xc0])) + 5;
  const gif = await small.clone().gif().toBuffer();
  // The screen's size, and that of the frame after its descriptor's "," and place.
  const descriptor = gif.indexOf(Buffer.from([0x2c, 0, 0, 0, 0, 16, 0, 16, 0])) + 5;
  const places = [6, 8, descriptor, descriptor + 2];
  const webp = await small
    .clone()
    .webp()
    .withExif({ IFD0: { Artist: "x" } })
    .toBuffer();
  const tiff = await small.clone().tiff().toBuffer();
  const avif = await small.clone().avif().toBuffer();
  const size = avif.indexOf("ispe") + 8;
  const entries = tiff.readUInt32LE(4);
  const tiffWide = [0, 1].reduce<Buffer>(
    (bytes, entry) => patched(bytes, [entries + 2 + entry * 12 + 8, 60_000, 4], "LE"),
    tiff,
  );
  return [
    ["png", png({ width: 60_000, height: 60_000 })],
    ["png of 2^31 pixels on a side", png({ width: 2 ** 31 - 1, height: 2 ** 31 - 1 })],
    ["png, one very long row", png({ width: 2 ** 31 - 1, height: 1 })],
    ["jpeg", patched(patched(jpeg, [frame, 65_500, 2], "BE"), [frame + 2, 65_500, 2], "BE")],
    ["gif", places.reduce<Buffer>((bytes, at) => patched(bytes, [at, 65_535, 2], "LE"), gif)],
    ["webp", patched(patched(webp, [24, 2 ** 24 - 1, 3], "LE"), [27, 255, 3], "LE")],
    ["tiff", tiffWide],
    ["avif", patched(patched(avif, [size, 60_000, 4], "BE"), [size + 4, 60_000, 4], "BE")],
  ];
}

describe("pictures that are traps", () => {
  test("files that claim absurd sizes are refused at once, and without the memory", async () => {
    await decodeImage(await small.clone().png().toBuffer(), { size: 8 }); // libvips starts up
    for (const [name, bytes] of await claims()) {
      expect(bytes.length, name).toBeLessThan(4000);
      for (const options of [{}, { size: 8 }]) {
        const { bytes: grown, error, ms } = await growth(async () => await decodeImage(bytes, options));
        expect(error, name).toBeInstanceOf(ImageError);
        expect(grown, name).toBeLessThan(2 ** 26);
        expect(ms, name).toBeLessThan(1000);
      }
    }
  });

  test("what would take gigabytes beside its pixels: samples of 16 bits in four channels, and very many channels", async () => {
    await expect(
      decodeImage(png({ width: 9000, height: 9000, depth: 16, colour: 6, interlaced: true })),
    ).rejects.toThrow("it has 4 channels of ushort, which take more than 400000000 bytes");
    const bands = 64;
    const raw = { raw: { width: 8, height: 8, channels: 4 as const } };
    const wide = sharp(Buffer.alloc(8 * 8 * 4), raw).joinChannel(
      Array.from({ length: bands / 4 - 1 }, () => Buffer.alloc(8 * 8 * 4)),
      raw,
    );
    await expect(decodeImage(await wide.tiff({ compression: "deflate" }).toBuffer())).rejects.toThrow(
      "exceeds channel limit",
    );
  });

  test("100 MB of black in 100 kB are made small while they are inflated", { timeout: 60_000 }, async () => {
    const side = 9990;
    const bytes = png({ width: side, height: side, data: deflateSync(Buffer.alloc(side * (side + 1))) });
    expect(bytes.length).toBeLessThan(200_000);
    const { bytes: grown, error } = await growth(async () => await decodeImage(bytes, { size: 8 }));
    expect(error).toBeUndefined();
    expect(grown).toBeLessThan(2 ** 28);
  });

  test("more pixels than were told, and texts and profiles that inflate without end, change nothing", async () => {
    const bomb = deflateSync(Buffer.alloc(2 ** 26));
    for (const bytes of [
      png({ width: 8, height: 8, data: bomb }),
      png({
        width: 8,
        height: 8,
        data: deflateSync(Buffer.alloc(72)),
        more: [chunk("zTXt", Buffer.concat([Buffer.from("x\0\0"), bomb]))],
      }),
      png({
        width: 8,
        height: 8,
        data: deflateSync(Buffer.alloc(72)),
        more: [chunk("iCCP", Buffer.concat([Buffer.from("x\0\0"), bomb]))],
      }),
    ]) {
      const { bytes: grown, error } = await growth(async () => await decodeImage(bytes, { size: 8 }));
      expect([undefined, "ImageError"]).toContain(error instanceof Error ? error.name : error);
      expect(grown).toBeLessThan(2 ** 27);
    }
  });

  test.each([
    ["SVG", `<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><image href="file:///etc/passwd"/></svg>`],
    ["SVG with a bomb of entities", `<!DOCTYPE svg [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><svg>&b;</svg>`],
    ["PDF", "%PDF-1.7\n1 0 obj"],
    ["a file of libvips", "\u00b6\u00a6\u00f2\u0008"],
    ["PPM", "P6\n60000 60000\n255\n"],
    ["Radiance", "#?RADIANCE\n"],
    ["ImageMagick's language", "push graphic-context\nimage over 0,0 0,0 'https://example.com/'"],
    ["PostScript", "%!PS\n(/etc/passwd) run"],
  ])("%s meets no decoder", async (_, text) => {
    const bytes = Buffer.from(text, "latin1");
    await expect(decodeImage(bytes)).rejects.toThrow("it is not a picture of a known format");
    await expect(clipPreprocess(bytes, clipPresets.tiny32)).rejects.toThrow(ImageError);
  });

  test("among others they are passed over and named, in one line each", async () => {
    const bad = join(folder, "a\n\u001b[2Jb.png");
    const good = join(folder, "good.png");
    writeFileSync(bad, png({ width: 60_000, height: 60_000 }));
    writeFileSync(good, await small.clone().png().toBuffer());
    const { kept, skipped } = await loadImages([bad, good, join(folder, "a\0b.png")], { size: 8 });
    expect(kept).toEqual([1]);
    expect(skipped.map(({ reason }) => reason)).toEqual([
      "it has more than 100000000 pixels",
      expect.stringMatching(/null bytes/),
    ]);
    await expect(decodeImage(bad)).rejects.toThrow(/^cannot read the picture \P{Cc}+$/u);
  });
});
