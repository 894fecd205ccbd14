import { expect, test } from "vitest";
import { randn } from "../tensor/functions.generated.ts";
import { manualSeed } from "../tensor/random.ts";
import { tidy } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { rPrecision } from "./clip-score.ts";
import { codebookUse } from "./codebook-use.ts";
import { frechetDistance, kernelDistanceOfSubsets, nearestPictures, precisionAndRecall } from "./distributions.ts";
import { psnr, ssim } from "./reconstruction.ts";

test("precision falls where pictures are strange, recall where they are alike", () => {
  tidy(() => {
    manualSeed(1);
    const real = randn([300, 8]);
    const like = precisionAndRecall(real, randn([300, 8]));
    expect(like.precision).toBeGreaterThan(0.8);
    expect(like.recall).toBeGreaterThan(0.8);
    const strange = precisionAndRecall(real, randn([300, 8]).add(10));
    expect(strange).toEqual({ precision: 0, recall: 0 });
    const alike = precisionAndRecall(real, randn([300, 8]).mul(0.1));
    expect(alike.precision).toBeGreaterThan(0.95);
    expect(alike.recall).toBeLessThan(0.1);
    // Points on a line, 1 apart: each has its second neighbour 2 away at the ends, 1 inside.
    const line = Tensor.from([0, 1, 2, 3, 4], [5, 1]);
    const found = precisionAndRecall(line, Tensor.from([-1.5, 2.5, 6.5, 10, 14], [5, 1]), { k: 2 });
    expect(found.precision).toBe(2 / 5);
  });
});

test("the kernel distance of subsets is about 0 for one distribution, and repeatable", () => {
  tidy(() => {
    manualSeed(2);
    const [x, y] = [randn([400, 16]), randn([400, 16])];
    const options = { subsets: 20, size: 100, seed: 3 };
    const found = kernelDistanceOfSubsets(x, y, options);
    expect(Math.abs(found.mean)).toBeLessThan(0.05);
    expect(kernelDistanceOfSubsets(x, y, options)).toEqual(found);
    expect(kernelDistanceOfSubsets(x, y.add(1), options).mean).toBeGreaterThan(0.5);
  });
});

test("a copy is found with the picture that it copies", () => {
  tidy(() => {
    manualSeed(3);
    const training = randn([50, 12]);
    const copies = training.indexSelect(0, Tensor.from([7, 31], [2], "int64")).mul(3);
    const found = nearestPictures(copies, training);
    expect(found.map(({ index }) => index)).toEqual([7, 31]);
    for (const { similarity } of found) expect(similarity).toBeCloseTo(1, 6);
  });
});

test("R-precision counts the pictures whose own sentence is the closest", () => {
  tidy(() => {
    const texts = Tensor.from([1, 0, 0, 0, 1, 0, 0, 0, 1], [3, 3]);
    const images = Tensor.from([1, 0.2, 0, 0.9, 0.8, 0, 0, 0, 5], [3, 3]);
    expect(rPrecision(images, texts)).toBeCloseTo(2 / 3, 6);
    expect(rPrecision(images, texts, { top: 2 })).toBe(1);
  });
});

test("codes in use, and how evenly", () => {
  const even = codebookUse(Int32Array.from([0, 1, 2, 3, 0, 1, 2, 3]), 8);
  expect(even.used).toBe(0.5);
  expect(even.perplexity).toBeCloseTo(4, 9);
  expect(codebookUse(Int32Array.from([5, 5, 5]), 8)).toEqual({ used: 1 / 8, perplexity: 1 });
});

test("the same picture is infinitely close; misshapen input is refused with its shape", () => {
  tidy(() => {
    const picture = randn([1, 3, 16, 16]);
    expect(psnr(picture, picture)).toEqual([Infinity]);
    expect(ssim(picture, picture)[0]).toBeCloseTo(1, 9);
    expect(() => psnr(picture, randn([1, 3, 16, 8]))).toThrow(/not \[1, 3, 16, 16\] and \[1, 3, 16, 8\]/);
    expect(() => ssim(randn([1, 3, 8, 8]), randn([1, 3, 8, 8]))).toThrow(/at least 11 pixels/);
    expect(() => frechetDistance(randn([1, 4]), randn([5, 4]))).toThrow(/at least 2 each/);
    expect(() => precisionAndRecall(randn([3, 4]), randn([5, 4]))).toThrow(/no 3-th neighbours/);
  });
});

test("more pictures than are compared at once give what all of them give", () => {
  tidy(() => {
    manualSeed(7);
    const [texts, noise] = [randn([1100, 6]), randn([1100, 6])];
    const images = texts.add(noise.mul(0.3));
    const expected = Array.from({ length: 11 }, (_, part) => {
      const rows = images.narrow(0, part * 100, 100);
      return nearestPictures(rows, texts).filter(({ index }, i) => index === part * 100 + i).length;
    });
    // A sentence's nearest by the cosine is what R-precision asks for.
    const right = expected.reduce((sum, count) => sum + count, 0);
    expect(right).toBeGreaterThan(300);
    expect(right).toBeLessThan(1100);
    expect(rPrecision(images, texts)).toBeCloseTo(right / 1100, 10);
    const copies = nearestPictures(texts.mul(2), texts);
    expect(copies.map(({ index }) => index)).toEqual(Array.from({ length: 1100 }, (_, i) => i));
    expect(precisionAndRecall(texts, texts.add(100))).toEqual({ precision: 0, recall: 0 });
    expect(precisionAndRecall(texts, texts)).toEqual({ precision: 1, recall: 1 });
  });
});
