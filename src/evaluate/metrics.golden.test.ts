import { beforeAll, describe, expect, test } from "vitest";
import { Golden, goldenNote, hasGolden } from "../../test/golden.ts";
import { tidy } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { clipScores } from "./clip-score.ts";
import { frechetDistance, inceptionScore, kernelDistance } from "./distributions.ts";
import { psnr, ssim } from "./reconstruction.ts";

// Against pytorch-fid, numpy and scikit-image.

function relative(value: number, reference: number): number {
  return Math.abs(value / reference - 1);
}

function expectClose(values: number[], reference: unknown, tolerance: number): void {
  const wanted = Array.isArray(reference) ? reference.map(Number) : [];
  expect(values).toHaveLength(wanted.length);
  for (const [i, value] of values.entries()) expect(Math.abs(value - (wanted[i] ?? NaN))).toBeLessThan(tolerance);
}

describe.skipIf(!hasGolden)(`metrics${goldenNote}`, () => {
  let golden: Golden;
  let x: Tensor;
  let y: Tensor;

  beforeAll(() => {
    golden = new Golden("metrics");
    [x, y] = [golden.tensor("features_x"), golden.tensor("features_y")];
  });

  const expected = (name: string): unknown => {
    const entry = golden.values[name];
    if (typeof entry !== "object" || entry === null || !("value" in entry)) throw new Error(`no value ${name}`);
    return entry.value;
  };
  const number = (name: string): number => Number(expected(name));

  test("Fréchet distance", () => {
    expect(relative(frechetDistance(x, y), number("frechet_distance"))).toBeLessThan(1e-6);
    expect(Math.abs(frechetDistance(x, x))).toBeLessThan(1e-6);
  });

  test("Fréchet distance of fewer pictures than features", () => {
    tidy(() => {
      const distance = frechetDistance(x.narrow(0, 0, 32), y.narrow(0, 0, 32));
      expect(relative(distance, number("frechet_distance_rank_deficient"))).toBeLessThan(1e-5);
    });
  });

  test("kernel distance", () => {
    expect(relative(kernelDistance(x, y), number("kid_unbiased"))).toBeLessThan(1e-6);
    expect(relative(kernelDistance(x, y, { unbiased: false }), number("kid_biased"))).toBeLessThan(1e-6);
    const wanted = expected("kid_subset_values");
    tidy(() => {
      for (const [i, subset] of golden.tensor("kid_subsets").unbind(0).entries()) {
        const rows = (set: Tensor, which: number): Tensor => set.indexSelect(0, subset.select(0, which));
        const reference = Array.isArray(wanted) ? Number(wanted[i]) : NaN;
        expect(relative(kernelDistance(rows(x, 0), rows(y, 1)), reference)).toBeLessThan(1e-6);
      }
    });
  });

  test("Inception Score, of all and in splits", () => {
    const logits = golden.tensor("is_logits");
    expect(relative(inceptionScore(logits).mean, number("inception_score"))).toBeLessThan(1e-6);
    const { mean, std } = inceptionScore(logits, { splits: 10 });
    expect(expected("inception_score_10_splits")).toMatchObject({
      mean: expect.closeTo(mean, 5),
      std_population: expect.closeTo(std, 5),
    });
  });

  test("CLIPScore", () => {
    const scores = clipScores(golden.tensor("clip_image_emb"), golden.tensor("clip_text_emb"));
    for (const [i, score] of golden.tensor("clip_score").toNumbers().entries()) expect(scores[i]).toBeCloseTo(score, 5);
  });

  test("PSNR and SSIM", () => {
    const [a, b] = [golden.tensor("img_a"), golden.tensor("img_b")];
    expectClose(psnr(a, b), expected("psnr"), 1e-4);
    expectClose(ssim(a, b), expected("ssim"), 2e-5);
  });
});
