import { Tensor, type Device } from "../tensor/tensor.ts";
import { cropAndFlip } from "./augment.ts";
import { ownRows } from "../distributed/group.ts";
import type { PictureSet } from "./pictures.ts";
import { BatchOrder } from "../random.ts";

/**
 * Batches of training pictures: shuffled, cropped, mirrored. A pure function of the step, so that a run goes on where
 * it stopped without a saved position. Of several processes, each gets its own rows of the batch.
 */
export class PictureBatches {
  readonly #pictures: PictureSet;
  readonly #order: BatchOrder;
  readonly #options: { seed: number; flip: boolean; crop: number; device: Device };

  constructor(
    pictures: PictureSet,
    options: { batchSize: number; seed: number; together?: number; flip: boolean; crop: number; device: Device },
  ) {
    this.#pictures = pictures;
    this.#options = options;
    this.#order = new BatchOrder({ ...options, count: pictures.count });
  }

  /** Where the whole batch's pictures came from. */
  namesAt(step: number): string[] {
    return Array.from(this.#order.indicesAt(step), (index) => this.#pictures.names[index] ?? "");
  }

  /** Pictures (B, 3, H, W) in [−1, 1], which ones they are, and the first one's row in the whole batch. */
  at(step: number): { images: Tensor; indices: Uint32Array; firstRow: number } {
    const { images, size } = this.#pictures;
    const { seed, flip, crop, device } = this.#options;
    const { start: firstRow, length } = ownRows(this.#order.batchSize);
    const indices = this.#order.indicesAt(step).subarray(firstRow, firstRow + length);
    const cropSize = croppedSize(size, crop);
    const bytes = cropAndFlip({ images, imageSize: size, indices, firstRow, cropSize, flip, seed, step });
    return { images: toPixels(bytes, { count: indices.length, size: cropSize }, device), indices, firstRow };
  }
}

/** Pixels a side that a crop leaves, which may cut off this share. */
export function croppedSize(size: number, crop: number): number {
  return size - Math.floor(size * crop);
}

/** RGB bytes (B, H, W, 3) → tensor (B, 3, H, W) float32 in [−1, 1]. */
export function toPixels(bytes: Uint8Array, shape: { count: number; size: number }, device: Device = "cpu"): Tensor {
  const { count, size } = shape;
  return Tensor.from(bytes, [count, size, size, 3])
    .to(device)
    .to("float32")
    .permute([0, 3, 1, 2])
    .contiguous()
    .mul(1 / 127.5)
    .sub(1);
}

/** Tensor (B, 3, H, W) in [−1, 1] → RGB bytes (B, H, W, 3); what lies outside is clipped. */
export function fromPixels(images: Tensor): Uint8Array {
  return images
    .detach()
    .add(1)
    .mul(127.5)
    .round()
    .clamp(0, 255)
    .permute([0, 2, 3, 1])
    .contiguous()
    .to("uint8")
    .toBytes();
}
