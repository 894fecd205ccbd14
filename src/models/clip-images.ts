import { centerCrop, resizeBicubic, resizedShape, standardize } from "../nn/resize.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ClipImageConfig } from "./clip-config.ts";

/**
 * Pictures as the generator draws them to what CLIP's image encoder takes: shorter side to imageSize (bicubic), the
 * middle square, CLIP's mean and deviation removed. What lies outside [−1, 1] is clipped, as in a picture that is shown.
 * Differentiable, so that a loss on CLIP's embedding can reach the generator. For picture files: `clipPreprocess`.
 * (B, 3, H, W) in [−1, 1] of any size → (B, 3, imageSize, imageSize)
 */
export function clipInput(images: Tensor, config: ClipImageConfig): Tensor {
  const { imageSize } = config.vision;
  const before = [images.size(2), images.size(3)] as const;
  const after = resizedShape(before, imageSize);
  const unit = images.add(1).mul(0.5).clamp(0, 1);
  const resized = String(before) === String(after) ? unit : resizeBicubic(unit, after).clamp(0, 1);
  return standardize(centerCrop(resized, imageSize), { mean: config.imageMean, deviation: config.imageStd });
}
