import { expect, test } from "vitest";
import { tinyClipConfig } from "../../../test/tiny.ts";
import type { ClipConfig } from "../../models/clip-config.ts";
import { grad } from "../../tensor/autograd.ts";
import { zeros } from "../../tensor/functions.generated.ts";
import { tidy } from "../../tensor/scope.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { cutoutSide, randomCutouts } from "./cutouts.ts";

// Without mean and deviation, so that the numbers are those of the picture in [0, 1].
const config: ClipConfig = { ...tinyClipConfig, imageMean: [0, 0, 0], imageStd: [1, 1, 1] };

const means = (cutouts: Tensor, dims: readonly number[]): number[] => cutouts.mean(dims).toNumbers();

const sides = (most: number, imageSize: number): number[] =>
  [0, 0.5, 1 - 2 ** -32].map((draw) => cutoutSide({ most, imageSize, draw }));

test("sides go from CLIP's input to the picture, or from half of a picture that is no larger", () => {
  expect(sides(448, 224)).toEqual([224, 336, 448]);
  expect(sides(32, 32)).toEqual([16, 24, 32]);
  expect(sides(33, 224)).toEqual([17, 25, 33]);
  expect(sides(1, 224)).toEqual([1, 1, 1]);
});

test("cutouts come from all over the picture, half of them mirrored, each with its own noise", () => {
  tidy(() => {
    // Brighter to the right: a cutout that is darker there was mirrored.
    const ramp = Tensor.from(
      Array.from({ length: 24 }, (_, x) => x / 12 - 1),
      [1, 1, 1, 24],
    ).expand([1, 3, 24, 24]);
    const cutouts = randomCutouts(ramp, config, { count: 400, seed: 1, step: 0 });
    expect(cutouts.shape).toEqual([400, 3, 16, 16]);
    const left = means(cutouts.narrow(3, 0, 8), [1, 2, 3]);
    const right = means(cutouts.narrow(3, 8, 8), [1, 2, 3]);
    const mirrored = left.filter((value, i) => value > (right[i] ?? 0)).length;
    expect(Math.abs(mirrored - 200)).toBeLessThan(60);
    const middles = left.map((value, i) => (value + (right[i] ?? 0)) / 2);
    expect(Math.min(...middles)).toBeLessThan(0.37);
    expect(Math.max(...middles)).toBeGreaterThan(0.6);

    const flat = randomCutouts(zeros([1, 3, 24, 24]), config, { count: 400, seed: 1, step: 0 });
    const deviations = flat.sub(0.5).square().mean([1, 2, 3]).sqrt().toNumbers();
    expect(Math.max(...deviations)).toBeGreaterThan(0.09);
    expect(Math.max(...deviations)).toBeLessThan(0.11);
    expect(Math.min(...deviations)).toBeLessThan(0.01);
  });
});

test("seed and step decide, and the picture gets a gradient everywhere", () => {
  tidy(() => {
    const picture = zeros([1, 3, 24, 24]).setRequiresGrad(true);
    const cut = (seed: number, step: number): Tensor => randomCutouts(picture, config, { count: 32, seed, step });
    const first = cut(1, 5).toNumbers();
    expect(cut(1, 5).toNumbers()).toEqual(first);
    expect(cut(1, 6).toNumbers()).not.toEqual(first);
    expect(cut(2, 5).toNumbers()).not.toEqual(first);
    const [gradient] = grad([cut(1, 5).sum()], [picture]);
    expect(gradient?.abs().amin().item()).toBeGreaterThan(0);
  });
});
