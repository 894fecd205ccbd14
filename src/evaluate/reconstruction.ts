import { tidy } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";

// How close pictures are to those that they stand for: (B, C, H, W) in [0, 1], one number a picture.

/** Peak signal-to-noise ratio in dB: 10 · log₁₀(1 / mean squared error). */
export function psnr(a: Tensor, b: Tensor): number[] {
  requirePictures(a, b);
  return tidy(() => {
    const errors = a.to("float64").sub(b.to("float64")).square().mean([1, 2, 3]).toNumbers();
    return errors.map((error) => 10 * Math.log10(1 / error));
  });
}

const WINDOW = { size: 11, sigma: 1.5 };

/**
 * Structural similarity (Wang et al. 2004), as scikit-image computes it with `gaussian_weights`: an 11×11 Gaussian window that lies
 * wholly inside, K₁ 0.01, K₂ 0.03, mean over pixels and channels.
 */
export function ssim(a: Tensor, b: Tensor): number[] {
  requirePictures(a, b);
  if (Math.min(a.size(2), a.size(3)) < WINDOW.size) {
    throw new RangeError(`SSIM needs pictures of at least ${WINDOW.size} pixels a side`);
  }
  return tidy(() => {
    const [x, y] = [a.to("float64"), b.to("float64")];
    const [meanX, meanY] = [blur(x), blur(y)];
    const [varX, varY] = [blur(x.square()).sub(meanX.square()), blur(y.square()).sub(meanY.square())];
    const covariance = blur(x.mul(y)).sub(meanX.mul(meanY));
    const [c1, c2] = [0.01 ** 2, 0.03 ** 2];
    const above = meanX.mul(meanY).mul(2).add(c1).mul(covariance.mul(2).add(c2));
    const below = meanX.square().add(meanY.square()).add(c1).mul(varX.add(varY).add(c2));
    return above.div(below).mean([1, 2, 3]).toNumbers();
  });
}

/** Gaussian means of every channel, where the window fits. */
function blur(pictures: Tensor): Tensor {
  const { size, sigma } = WINDOW;
  const weights = Array.from({ length: size }, (_, i) => Math.exp(-((i - (size - 1) / 2) ** 2) / (2 * sigma ** 2)));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const kernel = Tensor.from(
    weights.map((weight) => weight / total),
    [size],
    "float64",
  );
  const [batch, channels, height, width] = [pictures.size(0), pictures.size(1), pictures.size(2), pictures.size(3)];
  const planes = pictures.reshape([batch * channels, 1, height, width]);
  const blurred = planes.conv2d(kernel.view([1, 1, size, 1])).conv2d(kernel.view([1, 1, 1, size]));
  return blurred.view([batch, channels, blurred.size(2), blurred.size(3)]);
}

function requirePictures(a: Tensor, b: Tensor): void {
  if (a.shape.length !== 4 || a.shape.join() !== b.shape.join()) {
    throw new RangeError(
      `two batches of pictures (B, C, H, W) of one size, not [${a.shape.join(", ")}] and [${b.shape.join(", ")}]`,
    );
  }
}
