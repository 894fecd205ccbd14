import { callOperator } from "../tensor/operator.ts";
import { Tensor } from "../tensor/tensor.ts";

type Size = readonly [height: number, width: number];

/**
 * Bicubic with antialiasing and Pillow's kernel: Catmull-Rom (a = −0.5), as many times wider as the picture shrinks.
 * Differentiable; values can overshoot. (B, C, H, W) float → (B, C, height, width)
 */
export function resizeBicubic(images: Tensor, size: Size): Tensor {
  return resizeWith("aten::_upsample_bicubic2d_aa", images, [size, false]);
}

/** Every pixel takes the colour of the nearest one, as Pillow computes it. (B, C, H, W) float → (B, C, height, width) */
export function resizeNearest(images: Tensor, size: Size): Tensor {
  return resizeWith("aten::_upsample_nearest_exact2d", images, [size]);
}

function resizeWith(operator: string, images: Tensor, rest: readonly (Size | boolean)[]): Tensor {
  const resized = callOperator(operator, images, ...rest);
  if (!(resized instanceof Tensor)) throw new TypeError(`${operator} gave no tensor`);
  return resized;
}

/** The shorter side becomes `shorter`, the longer one in proportion, rounded down as torchvision does. */
export function resizedShape([height, width]: Size, shorter: number): Size {
  if (height <= width) return [shorter, Math.floor((shorter * width) / height)];
  return [Math.floor((shorter * height) / width), shorter];
}

/** The middle square. (B, C, H, W) → (B, C, size, size) */
export function centerCrop(images: Tensor, size: number): Tensor {
  const [height, width] = [images.size(2), images.size(3)];
  return images.narrow(2, middle(height, size), size).narrow(3, middle(width, size), size);
}

// torchvision rounds as Python does: halves go to the even number.
function middle(length: number, size: number): number {
  const half = (length - size) / 2;
  const floor = Math.floor(half);
  return half === floor || floor % 2 === 0 ? floor : floor + 1;
}

/** (x − mean) / deviation of each channel. (B, 3, H, W) → (B, 3, H, W) */
export function standardize(
  images: Tensor,
  { mean, deviation }: { mean: readonly number[]; deviation: readonly number[] },
): Tensor {
  const channels = (values: readonly number[]): Tensor =>
    Tensor.from(values, [1, values.length, 1, 1]).to(images.device);
  return images.sub(channels(mean)).div(channels(deviation));
}
