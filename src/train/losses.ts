import { gatherRows, group } from "../distributed/group.ts";
import { normalize } from "../nn/functional.ts";
import { arange, crossEntropy } from "../tensor/functions.generated.ts";
import type { Tensor } from "../tensor/tensor.ts";

// Every loss is a scalar, a mean over the batch. N pairs, D width of the embeddings, which may have any length.

/** cos(image i, text j) / temperature. (N, D) and (M, D) → (N, M) */
export function contrastiveLogits(images: Tensor, texts: Tensor, temperature = 0.07): Tensor {
  return normalize(images).matmul(normalize(texts).t()).div(temperature);
}

/**
 * Each picture has to find its own text among all, those of other processes too: cross-entropy over each picture's row.
 * (N, D) and (N, D) → scalar
 */
export function contrastiveLoss(images: Tensor, texts: Tensor, temperature = 0.07): Tensor {
  return diagonalCrossEntropy(contrastiveLogits(images, gatherRows(texts), temperature), group().rank * images.size(0));
}

/** The mean of both directions, picture to text and text to picture (CLIP, arXiv 2103.00020, figure 3). (N, N) → scalar */
export function symmetricContrastiveLoss(logitsPerImage: Tensor): Tensor {
  return diagonalCrossEntropy(logitsPerImage).add(diagonalCrossEntropy(logitsPerImage.t())).mul(0.5);
}

/**
 * The same where several pairs of a batch say the same: a picture may find any text of its group, all equally (UniCL, Yang et
 * al. 2022, arXiv 2204.03610). With groups of one pair each it is `symmetricContrastiveLoss`. Of several processes, each has
 * N pairs of M.
 * @param logits per image and per text, both (N, M)
 * @param groups (N) int64
 */
export function groupedContrastiveLoss(logits: { perImage: Tensor; perText: Tensor }, groups: Tensor): Tensor {
  const same = groups.unsqueeze(1).eq(gatherRows(groups)); // (N, M)
  return groupCrossEntropy(logits.perImage, same).add(groupCrossEntropy(logits.perText, same)).mul(0.5);
}

/** Cross-entropy of every row against all columns that are right, equally. (B, N), and which are right (B, N) → scalar */
export function groupCrossEntropy(logits: Tensor, right: Tensor): Tensor {
  const wanted = right.to("float32").div(right.sum([1], true));
  return wanted.mul(logits.to("float32").logSoftmax(-1)).sum([1]).mean().neg();
}

/** Where row i has to find column `first` + i. */
function diagonalCrossEntropy(logits: Tensor, first = 0): Tensor {
  const own = arange(first, first + logits.size(0), 1, { dtype: "int64", device: logits.device });
  return crossEntropy(logits, own);
}

/** Mean square over all elements; both of one shape. */
export function reconstructionLoss(reconstruction: Tensor, original: Tensor): Tensor {
  return reconstruction.mseLoss(original);
}

/** Mean cross-entropy over all positions. Logits (B, L, V), targets (B, L) int64 → scalar, float32 */
export { crossEntropy };

/** Cosine of each row with the same row of the other. (N, D) and (N, D) → (N) */
export function cosineSimilarity(a: Tensor, b: Tensor): Tensor {
  return normalize(a).mul(normalize(b)).sum([-1]);
}

/**
 * How far embeddings of pictures are from those they should have. (N, D) and (N, D) → scalar
 * - "neg-log": −log cos(a, b), as in CLIP-GEN (arXiv 2203.00386, section 3). Cosines below 1e-6 count as 1e-6 and give
 *   no gradient.
 * - "mse": mean square between the unit vectors, as HFAiLab/clip-gen; it is 2 (1 − cos) / D.
 */
export function embeddingLoss(a: Tensor, b: Tensor, form: "neg-log" | "mse"): Tensor {
  if (form === "mse") return normalize(a).mseLoss(normalize(b));
  return cosineSimilarity(a, b).clamp(1e-6).log().neg().mean();
}
