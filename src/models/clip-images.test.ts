import { describe, expect, test } from "vitest";
import { preprocessPixels } from "../data/clip-preprocess.ts";
import { toPixels } from "../data/batches.ts";
import { grad } from "../tensor/autograd.ts";
import { rand } from "../tensor/functions.generated.ts";
import { clipPresets, type ClipConfig } from "./clip-config.ts";
import { clipInput } from "./clip-images.ts";

const config = (imageSize: number): ClipConfig => {
  const base = clipPresets["vit-b-32"];
  return { ...base, vision: { ...base.vision, imageSize } };
};

describe("pictures in [-1, 1] become CLIP's input", () => {
  test.each([
    [48, 16],
    [16, 48],
    [32, 32],
  ])("as the same picture from a file, within two levels of 255: %i to %i", (size, imageSize) => {
    // No value is so extreme that the overshoot would be clipped, which happens once here and twice for a file.
    const data = Uint8Array.from({ length: size * size * 3 }, (_, i) => 64 + ((i * 7919) % 128));
    const fromTensor = clipInput(toPixels(data, { count: 1, size }), config(imageSize));
    const fromFile = preprocessPixels({ data, width: size, height: size }, config(imageSize));
    expect(fromTensor.shape).toEqual([1, 3, imageSize, imageSize]);
    expect(fromTensor.sub(fromFile).abs().amax().item()).toBeLessThan(2 / 255 / 0.26);
  });

  test("a gradient comes back to every pixel that is not cut off", () => {
    const images = rand([2, 3, 24, 20]).setRequiresGrad(true);
    const [gradient] = grad([clipInput(images, config(10)).square().sum()], [images]);
    const touched = gradient?.abs().amax([0, 1, 3]).gt(0).toNumbers() ?? [];
    expect(touched.slice(2, 22)).toEqual(Array.from({ length: 20 }, () => 1));
  });

  test("what lies outside [-1, 1] counts as white and black", () => {
    const images = rand([1, 3, 8, 8]).sub(0.5).mul(10);
    const same = clipInput(images, config(8)).sub(clipInput(images.clamp(-1, 1), config(8)));
    expect(same.abs().amax().item()).toBe(0);
  });
});
