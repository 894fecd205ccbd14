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

/** Pictures that are compared with all sentences at once: all pairs would not fit into memory. */
const ROWS_AT_ONCE = 1024;

/**
 * R-precision: the share of pictures whose own sentence is the closest of all sentences, or among the closest `top`
 * (Park et al. 2021, CLIP-R-precision).
 */
export function rPrecision(images: Tensor, texts: Tensor, options: { top?: number } = {}): number {
  const { top = 1 } = options;
  return tidy(() => {
    const [pictures, sentences] = [normalize(images.to("float64")), normalize(texts.to("float64"))];
    let right = 0;
    for (let start = 0; start < pictures.size(0); start += ROWS_AT_ONCE) {
      const count = Math.min(ROWS_AT_ONCE, pictures.size(0) - start);
      right += tidy(() => {
        const similarity = pictures.narrow(0, start, count).matmul(sentences.t()); // (count, N)
        const own = similarity.narrow(1, start, count).diagonal().unsqueeze(1);
        return similarity.gt(own).to("float64").sum([1]).lt(top).to("float64").sum().item();
      });
    }
    return right / pictures.size(0);
  });
}
