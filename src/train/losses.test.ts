import { describe, expect, test } from "vitest";
import { Golden, goldenNote, hasGolden } from "../../test/golden.ts";
import { grad } from "../tensor/autograd.ts";
import { eye, ones } from "../tensor/functions.generated.ts";
import { Tensor } from "../tensor/tensor.ts";
import {
  contrastiveLogits,
  contrastiveLoss,
  cosineSimilarity,
  crossEntropy,
  embeddingLoss,
  groupedContrastiveLoss,
  reconstructionLoss,
  symmetricContrastiveLoss,
} from "./losses.ts";

describe.skipIf(!hasGolden)(`losses are those of the reference${goldenNote}`, () => {
  test("between pictures and texts", () => {
    const golden = new Golden("seed-losses");
    const [images, texts] = inputs(golden, "image_embedding", "text_embedding");
    const logits = contrastiveLogits(images, texts);
    const symmetric = symmetricContrastiveLoss(logits);
    golden.expectEqual("contrastive_logits", logits);
    golden.expectEqual("clip_logits_per_image", logits);
    golden.expectEqual("contrastive_image_rows", contrastiveLoss(images, texts));
    golden.expectEqual("contrastive_text_rows", contrastiveLoss(texts, images));
    golden.expectEqual("contrastive_symmetric", symmetric);
    const [toImages, toTexts] = gradients(symmetric, images, texts);
    golden.expectEqual("grad_symmetric.image_embedding", toImages);
    golden.expectEqual("grad_symmetric.text_embedding", toTexts);
  });

  test("between two embeddings of one picture", () => {
    const golden = new Golden("seed-losses");
    const [a, b] = inputs(golden, "image_embedding", "text_embedding");
    golden.expectEqual("cosine", cosineSimilarity(a, b));
    golden.expectEqual("embedding_neg_log_cos", embeddingLoss(a, b, "neg-log"));
    golden.expectEqual("embedding_mse_unit", embeddingLoss(a, b, "mse"));
  });

  test("weighted 0.5, 0.25, 0.25: contrast, reconstruction, tokens, and all gradients", () => {
    const golden = new Golden("seed-losses");
    const [images, texts] = inputs(golden, "image_embedding", "text_embedding");
    const [reconstruction, logits] = inputs(golden, "image_reconstructed", "token_logits");
    const pixels = reconstructionLoss(reconstruction, golden.tensor("image"));
    const tokens = crossEntropy(logits, golden.tensor("token_targets"));
    const sum = contrastiveLoss(images, texts).mul(0.5).add(pixels.mul(0.25)).add(tokens.mul(0.25));
    golden.expectEqual("reconstruction_mse", pixels);
    golden.expectEqual("cross_entropy", tokens);
    golden.expectEqual("weighted_sum", sum);
    const [toImages, toTexts] = gradients(sum, images, texts);
    const [toReconstruction, toLogits] = gradients(sum, reconstruction, logits);
    golden.expectEqual("grad_weighted_sum.image_embedding", toImages);
    golden.expectEqual("grad_weighted_sum.text_embedding", toTexts);
    golden.expectEqual("grad_weighted_sum.image_reconstructed", toReconstruction);
    golden.expectEqual("grad_weighted_sum.token_logits", toLogits);
  });

  test.each([
    ["single_pair_contrastive", ones([1, 4])],
    ["all_equal_contrastive_N4", ones([4, 5])],
    ["orthonormal_contrastive_N6", eye(6)],
  ])("%s", (name, embeddings) => {
    const value = new Golden("seed-losses").values[name];
    expect(value).toMatchObject({ value: expect.any(Number), tolerance: { atol: expect.any(Number) } });
    const { value: expected, tolerance } = Object(value);
    const difference = contrastiveLoss(embeddings, embeddings).item() - expected;
    expect(Math.abs(difference)).toBeLessThanOrEqual(tolerance.atol);
  });
});

function inputs(golden: Golden, first: string, second: string): [Tensor, Tensor] {
  return [golden.tensor(first).setRequiresGrad(true), golden.tensor(second).setRequiresGrad(true)];
}

function gradients(loss: Tensor, first: Tensor, second: Tensor): [Tensor, Tensor] {
  const [toFirst, toSecond] = grad([loss], [first, second], { retainGraph: true });
  if (!toFirst || !toSecond) throw new Error("the loss does not depend on both inputs");
  return [toFirst, toSecond];
}

test("the contrast of orthogonal pairs is ln(1 + (N − 1) exp(−1 / temperature))", () => {
  const loss = contrastiveLoss(eye(6), eye(6), 0.5).item();
  expect(loss).toBeCloseTo(Math.log1p(5 * Math.exp(-1 / 0.5)), 6);
});

test("opposite embeddings have a finite negative logarithm and no gradient", () => {
  const a = Tensor.from([1, 2, 3], [1, 3]).setRequiresGrad(true);
  const loss = embeddingLoss(a, Tensor.from([-1, -2, -3], [1, 3]), "neg-log");
  expect(loss.item()).toBeCloseTo(-Math.log(1e-6), 3);
  expect(grad([loss], [a])[0]?.toNumbers()).toEqual([0, 0, 0]);
});

test("the length of embeddings does not matter", () => {
  const [a, b] = [Tensor.from([1, 2, 3, 4], [2, 2]), Tensor.from([2, 1, 3, 0], [2, 2])];
  for (const form of ["neg-log", "mse"] as const) {
    expect(embeddingLoss(a.mul(7), b.mul(0.1), form).item()).toBeCloseTo(embeddingLoss(a, b, form).item(), 6);
  }
});

const both = (values: number[]): { perImage: Tensor; perText: Tensor } => {
  const perImage = Tensor.from(values, [3, 3]);
  return { perImage, perText: perImage.t() };
};

test("pairs that say the same are no wrong answers to one another", () => {
  const logits = both([4, 3, 0, 3, 4, 0, 0, 0, 4]);
  const apart = groupedContrastiveLoss(logits, Tensor.from([5, 6, 7], [3], "int64"));
  expect(apart.item()).toBeCloseTo(symmetricContrastiveLoss(logits.perImage).item(), 6);
  // Of a group of two, either answer is right: best where both are equally likely.
  const even = both([9, 9, 0, 9, 9, 0, 0, 0, 9]);
  const groups = Tensor.from([5, 5, 7], [3], "int64");
  expect(groupedContrastiveLoss(even, groups).item()).toBeCloseTo((2 * Math.log(2)) / 3, 3);
  expect(groupedContrastiveLoss(logits, groups).item()).toBeGreaterThan(groupedContrastiveLoss(even, groups).item());
});
