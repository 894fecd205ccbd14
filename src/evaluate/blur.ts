import { tidy } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";

/** The radii of the paper's table 1, whose FID-k is the distance after a blur of radius k. */
export const BLUR_RADII = [1, 2, 4, 8] as const;

/**
 * Pictures behind a Gaussian of radius k, for FID-k (DALL·E, arXiv 2102.12092, figure 9; CLIP-GEN, table 1): what a VQGAN loses
 * of fine structure counts less and less. No paper tells the kernel; this is the one of Lafite (arXiv 2111.13792, drboog/Lafite
 * issue 27), which compares itself with the same tables: 2k+1 taps, σ² = ((2k+1)² − 1) / 12 as a box of that width has, the
 * border mirrored.
 *
 * k is in pixels of the pictures as they are, and is not scaled: the papers have 256×256, so that the same k takes more from
 * smaller pictures. Compare only figures of one size.
 * @param images (B, C, H, W) with more than k pixels a side
 */
export function gaussianBlur(images: Tensor, radius: number): Tensor {
  if (radius === 0) return images;
  const [height, width] = [images.size(2), images.size(3)];
  if (!Number.isInteger(radius) || radius < 0 || radius >= Math.min(height, width)) {
    throw new RangeError(`pictures of ${width}×${height} cannot be blurred with a radius of ${radius}`);
  }
  return tidy(() => {
    const rows = blurMatrix(height, radius).to(images.device).to(images.dtype); // (H, H)
    const columns = blurMatrix(width, radius).to(images.device).to(images.dtype); // (W, W)
    return rows.matmul(images).matmul(columns.t());
  });
}

/** (side, side): every row holds the weights of the pixels that one pixel becomes the mean of. */
function blurMatrix(side: number, radius: number): Tensor {
  const variance = ((2 * radius + 1) ** 2 - 1) / 12;
  const weights = Array.from({ length: 2 * radius + 1 }, (_, i) => Math.exp(-((i - radius) ** 2) / (2 * variance)));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const matrix = new Float64Array(side * side);
  for (let row = 0; row < side; row += 1) {
    for (const [i, weight] of weights.entries()) {
      const place = row * side + mirrored(row + i - radius, side);
      matrix[place] = (matrix[place] ?? 0) + weight / total;
    }
  }
  return Tensor.from(matrix, [side, side]);
}

/** A place outside, reflected at the border pixel. */
function mirrored(place: number, side: number): number {
  const inside = Math.abs(place);
  return inside < side ? inside : 2 * (side - 1) - inside;
}
