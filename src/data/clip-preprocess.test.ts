import { readdirSync } from "node:fs";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { Golden, goldenNote, greatestDifference, hasGolden } from "../../test/golden.ts";
import { clipPresets, type ClipConfig } from "../models/clip-config.ts";
import { Tensor } from "../tensor/tensor.ts";
import { clipPreprocess, preprocessPixels } from "./clip-preprocess.ts";

const clipOf = (imageSize: number): ClipConfig => {
  const config = clipPresets["vit-b-32"];
  return { ...config, vision: { ...config.vision, imageSize } };
};

const pictures = hasGolden ? readdirSync(new Golden("image-preprocess").path("images")) : [];

describe.skipIf(!hasGolden)(`picture files become the reference's input${goldenNote}`, () => {
  test.each(pictures.map((file) => ({ file })))("$file", async ({ file }) => {
    const golden = new Golden("image-preprocess");
    const name = file.replace(/\.[a-z]+$/, "");
    const sizes = golden.names.flatMap((tensor) => (tensor.startsWith(`${name}.clip`) ? [tensor] : []));
    expect(sizes.length).toBeGreaterThan(0);
    for (const tensor of sizes) {
      const size = golden.tensor(tensor).size(-1);
      const input = (await clipPreprocess(golden.path(`images/${file}`), clipOf(size))).squeeze(0);
      // The reference throws transparency away, which lays bare colours that nobody was meant to see.
      if (/rgba|alpha/.test(name)) expect(input.shape, tensor).toEqual(golden.tensor(tensor).shape);
      else golden.expectEqual(tensor, input);
    }
  });

  test("nearly all values are equal to the last bit of a level", async () => {
    const golden = new Golden("image-preprocess");
    const input = (await clipPreprocess(golden.path("images/rgb_300x201.png"), clipOf(64))).squeeze(0);
    const other = input.sub(golden.tensor("rgb_300x201.clip64")).abs().gt(1e-3).to("float32").mean().item();
    expect(other).toBeLessThan(0.001);
  });
});

test("transparent parts show white", async () => {
  const clear = { r: 200, g: 10, b: 10, alpha: 0 };
  const bytes = await sharp({ create: { width: 40, height: 30, channels: 4, background: clear } })
    .png()
    .toBuffer();
  const white = preprocessPixels({ data: new Uint8Array(40 * 30 * 3).fill(255), width: 40, height: 30 }, clipOf(16));
  expect(greatestDifference(await clipPreprocess(bytes, clipOf(16)), white)).toBe(0);
});

test("a picture in several strips is resized as one", () => {
  const [width, height] = [20, 1100];
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * i) % 251);
  const tall = preprocessPixels({ data, width, height }, clipOf(10));
  const middle = preprocessPixels({ data: data.subarray(500 * 60, 600 * 60), width, height: 100 }, clipOf(10));
  // Both show rows 540 to 560, and no row near the cut of the short one takes part.
  expect(greatestDifference(tall, middle)).toBe(0);
  expect(tall.shape).toEqual([1, 3, 10, 10]);
});

test("what is no picture is refused", async () => {
  await expect(clipPreprocess(new Uint8Array([1, 2, 3]), clipOf(16))).rejects.toThrow("cannot read the picture");
});

test("a plain colour loses the mean and is divided by the deviation", () => {
  const data = new Uint8Array(6 * 6 * 3).fill(51);
  const { imageMean, imageStd } = clipOf(6);
  const expected = [0, 1, 2].map((c) => (0.2 - (imageMean[c] ?? 0)) / (imageStd[c] ?? 1));
  const pixel = preprocessPixels({ data, width: 6, height: 6 }, clipOf(6)).select(2, 3).select(2, 3);
  expect(greatestDifference(pixel, Tensor.from(expected, [1, 3]))).toBeLessThan(1e-6);
});
