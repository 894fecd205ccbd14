import type { ClipImageConfig } from "../../models/clip-config.ts";
import { resizeBicubic, standardize } from "../../nn/resize.ts";
import { cat, randn } from "../../tensor/functions.generated.ts";
import { Generator } from "../../tensor/random.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { mixSeeds, Random } from "../../random.ts";

export type CutoutOptions = {
  /** n */
  count: number;
  /** The cutouts are a pure function of these two. */
  seed: number;
  step: number;
};

/** Sizes are drawn as u ** power: 1 draws them evenly, above 1 favours small ones. */
const CUT_POWER = 1;
/** Every cutout gets normal noise of a deviation between 0 and this, in units of the picture's range. */
const NOISE_FACTOR = 0.1;

/**
 * Random squares of a picture as CLIP takes them, half of them mirrored, with noise: `MakeCutouts` of VQGAN-CLIP (Crowson
 * et al. 2022, arXiv 2204.08583), without its affine, perspective and colour jitter. Differentiable; colours that bicubic
 * resizing overshoots are not clipped, as pixels at the ends of the range would get no gradient.
 * Picture (1, 3, H, W) in [−1, 1] → (n, 3, imageSize, imageSize) without CLIP's mean and deviation
 */
export function randomCutouts(picture: Tensor, config: ClipImageConfig, options: CutoutOptions): Tensor {
  const { count, seed, step } = options;
  const { imageSize } = config.vision;
  const [height, width] = [picture.size(2), picture.size(3)];
  const random = new Random(seed, "cutouts", step);
  const unit = picture.add(1).mul(0.5);
  const deviations: number[] = [];
  const cut = Array.from({ length: count }, () => {
    const side = cutoutSide({ most: Math.min(height, width), imageSize, draw: random.next() });
    const top = random.int(height - side + 1);
    const left = random.int(width - side + 1);
    const square = resizeBicubic(unit.narrow(2, top, side).narrow(3, left, side), [imageSize, imageSize]);
    deviations.push(random.between(0, NOISE_FACTOR));
    return random.chance(0.5) ? square.flip([3]) : square;
  });
  using generator = new Generator(mixSeeds(seed, step));
  const noise = randn([count, 3, imageSize, imageSize], { generator });
  const noisy = cat(cut).add(noise.mul(Tensor.from(deviations, [count, 1, 1, 1])).to(picture.device));
  return standardize(noisy, { mean: config.imageMean, deviation: config.imageStd });
}

/**
 * The side of a cutout: from CLIP's input, as in the reference, to the whole picture. Pictures that are no larger than
 * CLIP's input would be seen whole every time, so their cutouts begin at half of the side (in the paper: 224 of about 450).
 */
export function cutoutSide({ most, imageSize, draw }: { most: number; imageSize: number; draw: number }): number {
  const least = imageSize < most ? imageSize : Math.ceil(most / 2);
  return Math.min(most, Math.floor(least + draw ** CUT_POWER * (most - least + 1)));
}
