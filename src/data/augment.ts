/** Random crops and flips of pictures that are already in memory. */

import { Random } from "../random.ts";

export type AugmentOptions = {
  /** (N, imageSize, imageSize, 3) RGB bytes. */
  images: Uint8Array;
  imageSize: number;
  /** Which pictures make up the batch, (B). */
  indices: Uint32Array;
  /** The first one's row in the batch, where the others are elsewhere. Default 0. */
  firstRow?: number;
  /** Side of the crop in pixels, at most `imageSize`. Default: no crop. */
  cropSize?: number;
  /** Mirror left and right half of the time. Default true; turn it off where left and right have names. */
  flip?: boolean;
  seed: number;
  step: number;
};

/**
 * The batch of this step, each picture cut at a random place and mirrored at random: (B, cropSize, cropSize, 3) bytes.
 * A pure function of its options: the same seed and step give the same batch.
 * Throws RangeError where the sizes do not fit or an index lies outside the pictures.
 */
export function cropAndFlip(options: AugmentOptions): Uint8Array {
  const { images, imageSize, indices, firstRow = 0, cropSize = imageSize, flip = true, seed, step } = options;
  const bytesEach = imageSize * imageSize * 3;
  if (!Number.isInteger(imageSize) || imageSize < 1 || images.length % bytesEach !== 0) {
    throw new RangeError(`${images.length} bytes are no whole number of pictures of ${imageSize}×${imageSize} RGB`);
  }
  if (!Number.isInteger(cropSize) || cropSize < 1 || cropSize > imageSize) {
    throw new RangeError(`cropSize must be a whole number from 1 to ${imageSize}, got ${cropSize}`);
  }
  const count = images.length / bytesEach;
  const rowBytes = cropSize * 3;
  const batch = new Uint8Array(indices.length * cropSize * rowBytes);
  for (const [slot, index] of indices.entries()) {
    if (index >= count) throw new RangeError(`there is no picture ${index}: there are ${count}`);
    const random = new Random(seed, "augment", step, firstRow + slot);
    const left = random.int(imageSize - cropSize + 1);
    const top = random.int(imageSize - cropSize + 1);
    const mirrored = flip && random.chance(0.5);
    for (let row = 0; row < cropSize; row++) {
      const from = index * bytesEach + ((top + row) * imageSize + left) * 3;
      const to = (slot * cropSize + row) * rowBytes;
      if (mirrored) copyMirrored(images.subarray(from, from + rowBytes), batch.subarray(to, to + rowBytes));
      else batch.set(images.subarray(from, from + rowBytes), to);
    }
  }
  return batch;
}

function copyMirrored(from: Uint8Array, to: Uint8Array): void {
  for (let offset = 0; offset < from.length; offset += 3) {
    const source = from.length - 3 - offset;
    to[offset] = from[source] ?? 0;
    to[offset + 1] = from[source + 1] ?? 0;
    to[offset + 2] = from[source + 2] ?? 0;
  }
}
