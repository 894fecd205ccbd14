import { toPixels } from "./batches.ts";
import type { EncodedSet } from "./encoded.ts";
import { ownRows } from "../distributed/group.ts";
import { gather } from "./rows.ts";
import { BatchOrder, Random } from "../random.ts";
import { Tensor, type Device } from "../tensor/tensor.ts";

export type EncodedBatch = {
  /** (B, L) int64 */
  tokens: Tensor;
  /** (B, D), L2-normalised */
  embedding: Tensor;
  /** (B, 3, H, W) in [−1, 1], where the set keeps pictures */
  picture: Tensor | undefined;
  indices: Uint32Array;
  /** The first one's row in the batch that all processes share. */
  firstRow: number;
};

/**
 * Batches of tokens and embeddings; a pure function of the step. Of several views, one is drawn. Of several processes, each
 * gets its own rows of the batch.
 */
export class EncodedBatches {
  readonly #data: EncodedSet;
  readonly #order: BatchOrder;
  readonly #seed: number;
  readonly #device: Device;

  constructor(data: EncodedSet, options: { batchSize: number; seed: number; device: Device }) {
    this.#data = data;
    this.#order = new BatchOrder({ ...options, count: data.count });
    this.#seed = options.seed;
    this.#device = options.device;
  }

  /** Where the whole batch's pictures came from. */
  namesAt(step: number): string[] {
    return Array.from(this.#order.indicesAt(step), (index) => this.#data.names[index] ?? "");
  }

  at(step: number): EncodedBatch {
    const { views, grid, embedDim, pictures } = this.#data;
    const { start: firstRow, length: batch } = ownRows(this.#order.batchSize);
    const random = new Random(this.#seed, "views", step);
    const whole = Array.from(this.#order.indicesAt(step), (index) => ({ index, view: random.int(views) }));
    const own = whole.slice(firstRow, firstRow + batch);
    const rows = own.map(({ index, view }) => index * views + view);
    const length = grid[0] * grid[1];
    const tokens = gather(new Int32Array(batch * length), this.#data.tokens, rows);
    const embedding = gather(new Float32Array(batch * embedDim), this.#data.embeddings, rows);
    return {
      tokens: Tensor.from(tokens, [batch, length]).to(this.#device).to("int64"),
      embedding: Tensor.from(embedding, [batch, embedDim]).to(this.#device),
      picture: pictures && this.#pictures(pictures, rows),
      indices: Uint32Array.from(own, ({ index }) => index),
      firstRow,
    };
  }

  #pictures({ images, size }: { images: Uint8Array; size: number }, rows: readonly number[]): Tensor {
    const bytes = gather(new Uint8Array(rows.length * size * size * 3), images, rows);
    return toPixels(bytes, { count: rows.length, size }, this.#device);
  }
}
