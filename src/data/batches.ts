import { Tensor, type Device } from "../tensor/tensor.ts";
import { cropAndFlip } from "./augment.ts";
import { ownRows } from "../distributed/group.ts";
import { BatchOrder } from "../random.ts";
import { isInMemory, type PictureSet, type PictureSource } from "./picture-stream.ts";
import { ShardOrder, type PictureOrder } from "./shards/shard-order.ts";

/** Batches that are on their way at once: a step keeps what comes between two reads of a picture waiting. */
const AHEAD = 4;

/**
 * Batches of training pictures: shuffled, cropped, mirrored. A pure function of the step, so that a run goes on where
 * it stopped without a saved position. Of several processes, each gets its own rows of the batch.
 */
export class PictureBatches {
  readonly #pictures: PictureSet | PictureSource;
  readonly #order: PictureOrder;
  readonly #options: { seed: number; flip: boolean; crop: number; device: Device };
  /** Own rows of steps to come, by step. */
  readonly #coming = new Map<number, Promise<{ images: Uint8Array }>>();
  #loaded: { step: number; images: Uint8Array } | undefined;

  constructor(
    pictures: PictureSet | PictureSource,
    options: { batchSize: number; seed: number; together?: number; flip: boolean; crop: number; device: Device },
  ) {
    this.#pictures = pictures;
    this.#options = options;
    this.#order = isInMemory(pictures)
      ? new BatchOrder({ ...options, count: pictures.count })
      : new ShardOrder({ ...pictures, batchSize: options.batchSize, seed: options.seed });
  }

  /** Where the whole batch's pictures came from. */
  namesAt(step: number): string[] {
    const pictures = this.#pictures;
    const nameOf = isInMemory(pictures) ? (index: number) => pictures.names[index] ?? "" : pictures.nameOf;
    return Array.from(this.#order.indicesAt(step), nameOf);
  }

  /** Reads what `at` of this step takes, and begins with the steps after it. Pictures in memory need no reading. */
  async load(step: number): Promise<void> {
    const pictures = this.#pictures;
    if (isInMemory(pictures)) return;
    for (let next = step; next < step + AHEAD; next += 1) {
      if (this.#coming.has(next)) continue;
      const read = pictures.read(this.#ownIndices(next));
      // Of one that is never waited for, nobody has to know.
      read.catch(() => undefined);
      this.#coming.set(next, read);
    }
    const read = await this.#coming.get(step);
    if (read) this.#loaded = { step, images: read.images };
    for (const other of this.#coming.keys()) {
      if (other <= step || other >= step + AHEAD) this.#coming.delete(other);
    }
  }

  /** Pictures (B, 3, H, W) in [−1, 1], which ones they are, and the first one's row in the whole batch. */
  at(step: number): { images: Tensor; indices: Uint32Array; firstRow: number } {
    const { size } = this.#pictures;
    const { seed, flip, crop, device } = this.#options;
    const { start: firstRow, length } = ownRows(this.#order.batchSize);
    const indices = this.#ownIndices(step);
    const cropSize = croppedSize(size, crop);
    const held = this.#held(step, indices);
    const bytes = cropAndFlip({ ...held, imageSize: size, firstRow, cropSize, flip, seed, step });
    return { images: toPixels(bytes, { count: length, size: cropSize }, device), indices, firstRow };
  }

  #ownIndices(step: number): Uint32Array {
    const { start, length } = ownRows(this.#order.batchSize);
    return this.#order.indicesAt(step).subarray(start, start + length);
  }

  /** Decoded pictures, and where among them those of the step are. */
  #held(step: number, indices: Uint32Array): { images: Uint8Array; indices: Uint32Array } {
    if (isInMemory(this.#pictures)) return { images: this.#pictures.images, indices };
    if (this.#loaded?.step !== step) throw new Error(`the pictures of step ${step} have not been loaded`);
    return { images: this.#loaded.images, indices: Uint32Array.from(indices, (_, row) => row) };
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
