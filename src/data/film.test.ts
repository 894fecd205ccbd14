import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { webpXmp } from "../io/xmp.ts";
import { film, thereAndBack } from "./film.ts";

const [size, count] = [4, 3];
const bytes = size * size * 3;
const images = Uint8Array.from({ length: count * bytes }, (_, i) => (i * 37 + Math.floor(i / bytes) * 90) % 256);

describe("a film", () => {
  test("is a WebP with all frames, their time, the packet, and every pixel as it was", async () => {
    const webp = await film(images, { size, format: "webp", fps: 8, scale: 2, xmp: "<x>é → 🐈</x>" });
    const read = sharp(webp, { pages: -1 });
    expect(await read.metadata()).toMatchObject({ pages: 3, pageHeight: 8, width: 8, delay: [125, 125, 125], loop: 0 });
    expect((await read.metadata()).xmpAsString).toBe("<x>é → 🐈</x>");
    expect(webpXmp(webp)).toBe("<x>é → 🐈</x>");
    const pixels = await read.removeAlpha().raw().toBuffer();
    // Page 1, row 5, column 6 is frame 1, row 2, column 3.
    for (let page = 0; page < count; page += 1) {
      const [big, small] = [(page * 64 + 5 * 8 + 6) * 3, page * bytes + (2 * 4 + 3) * 3];
      expect([...pixels.subarray(big, big + 3)]).toEqual([...images.subarray(small, small + 3)]);
    }
  });

  test("or a GIF, whose times are hundredths of a second", async () => {
    const gif = await film(images, { size, format: "gif", fps: 10 });
    const read = await sharp(gif, { pages: -1 }).metadata();
    expect(read).toMatchObject({ format: "gif", pages: 3, pageHeight: 256, width: 256, delay: [100, 100, 100] });
  });

  test.each(["webp", "gif"] as const)("in %s lasts as long when neighbours are equal", async (format) => {
    const twice = new Uint8Array([...images, ...images.subarray(2 * bytes)]);
    const { delay = [], pages } = await sharp(await film(twice, { size, format, fps: 5 }), { pages: -1 }).metadata();
    expect(pages).toBe(3);
    expect(delay.reduce((sum, time) => sum + time, 0)).toBe(800);
  });

  test("refuses what are no pictures, and what is too fast or too slow", async () => {
    const options = { size, format: "webp", fps: 8 } as const;
    await expect(film(images.subarray(1), options)).rejects.toThrow("143 bytes are no 4×4 pictures");
    await expect(film(images, { ...options, fps: 0 })).rejects.toThrow("fps is 0, expected a number from 0.02 to 1000");
    await expect(film(images, { ...options, format: "gif", fps: 60 })).rejects.toThrow("to 50 for gif");
  });
});

test("there and back, the ends stand once", () => {
  expect(thereAndBack([1, 2, 3, 4])).toEqual([1, 2, 3, 4, 3, 2]);
  expect(thereAndBack([1, 2])).toEqual([1, 2]);
  expect(thereAndBack([1])).toEqual([1]);
});
