/** Picture files to CLIP's input. */

import sharp from "sharp";
import type { ClipImageConfig } from "../models/clip-config.ts";
import { centerCrop, resizeBicubic, resizedShape, resizeNearest, standardize } from "../nn/resize.ts";
import { noGrad } from "../tensor/autograd.ts";
import { cat } from "../tensor/functions.generated.ts";
import { tidy } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { decodeImage, type Image } from "./images.ts";

// Large photographs are resized in strips, so that they are never whole in float32.
const STRIP_ROWS = 512;

/**
 * A picture file, or the bytes of one, as CLIP's image encoder takes it: shorter side to imageSize, the middle square,
 * CLIP's mean and deviation removed. Equal to openai/CLIP's `_transform` with Pillow within one of 255 levels.
 * Palette pictures are resized by the nearest pixel, as there; three things are decided otherwise: the EXIF rotation is
 * applied, transparency shows white, and 16-bit pictures are scaled and not clipped.
 * → (1, 3, imageSize, imageSize) float32. Throws ImageError for what is no picture.
 */
export async function clipPreprocess(input: string | Uint8Array, config: ClipImageConfig): Promise<Tensor> {
  const image = await decodeImage(input);
  const { isPalette } = await sharp(input).metadata();
  return preprocessPixels(image, config, { nearest: isPalette === true });
}

/** The same for a decoded picture. */
export function preprocessPixels(image: Image, config: ClipImageConfig, options: { nearest?: boolean } = {}): Tensor {
  const { imageSize } = config.vision;
  return noGrad(() =>
    tidy(() => {
      const resized = options.nearest ? nearest(image, imageSize) : bicubic(image, imageSize);
      const unit = centerCrop(resized, imageSize).div(255);
      return standardize(unit, { mean: config.imageMean, deviation: config.imageStd });
    }),
  );
}

function nearest(image: Image, shorter: number): Tensor {
  const rows = rowsOf(image, { start: 0, count: image.height });
  return resizeNearest(rows, resizedShape([image.height, image.width], shorter));
}

/** As Pillow: first the width, then the height, rounded to whole levels after each. */
function bicubic(image: Image, shorter: number): Tensor {
  const [height, width] = resizedShape([image.height, image.width], shorter);
  const strips: Tensor[] = [];
  for (let start = 0; start < image.height; start += STRIP_ROWS) {
    const count = Math.min(STRIP_ROWS, image.height - start);
    strips.push(tidy(() => levels(resizeBicubic(rowsOf(image, { start, count }), [count, width]))));
  }
  return levels(resizeBicubic(cat(strips, 2), [height, width]));
}

function levels(x: Tensor): Tensor {
  return x.add(0.5).floor().clamp(0, 255);
}

/** Some rows of a picture as (1, 3, count, width) float32, 0 to 255. */
function rowsOf({ data, width }: Image, { start, count }: { start: number; count: number }): Tensor {
  const rows = data.subarray(start * width * 3, (start + count) * width * 3);
  return Tensor.from(rows, [1, count, width, 3]).permute([0, 3, 1, 2]).to("float32").contiguous();
}
