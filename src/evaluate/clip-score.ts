import { normalize } from "../nn/functional.ts";
import { tidy } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";

/**
 * CLIPScore of every picture with its own sentence: 2.5 · max(cos, 0) (Hessel et al. 2021, arXiv 2104.08718).
 * @param images (N, D)
 * @param texts (N, D)
 */
export function clipScores(images: Tensor, texts: Tensor): number[] {
  if (images.shape.length !== 2 || images.shape.join() !== texts.shape.join()) {
    throw new RangeError(
      `embeddings of as many pictures as sentences, not [${images.shape.join(", ")}] and [${texts.shape.join(", ")}]`,
    );
  }
  return tidy(() => {
    const products = normalize(images.to("float64")).mul(normalize(texts.to("float64")));
    return products.sum([1]).clamp(0).mul(2.5).toNumbers();
  });
}

/**
 * R-precision: the share of pictures whose own sentence is the closest of all sentences, or among the closest `top`
 * (Park et al. 2021, CLIP-R-precision).
 */
export function rPrecision(images: Tensor, texts: Tensor, options: { top?: number } = {}): number {
  const { top = 1 } = options;
  return tidy(() => {
    const similarity = normalize(images.to("float64")).matmul(normalize(texts.to("float64")).t()); // (N, N)
    const own = similarity.diagonal().unsqueeze(1);
    const closer = similarity.gt(own).to("float64").sum([1]);
    return closer.lt(top).to("float64").mean().item();
  });
}
