import { attendCached, decodeBlock, zeros } from "../tensor/functions.generated.ts";
import { keep } from "../tensor/scope.ts";
import type { DType } from "../tensor/dtype.ts";
import type { LayerNorm, Linear } from "../nn/layers.ts";
import type { Device, Tensor } from "../tensor/tensor.ts";

/** Positions whose keys lie side by side, as `native/kernels/attend.h` reads them. */
const BLOCK = 32;

/**
 * Keys and values of the positions that a GPT has already seen, so that every new token costs one position and not all
 * of them. Made once for all positions, and written in place. It lives until it is disposed of.
 */
export class KvCache {
  /** A layer each: (B, H, S, d), or on a CPU (B, H, S / 32, d, 32), where one pass over a block gives 32 scores. */
  readonly #keys: Tensor[];
  /** (B, H, S, d) */
  readonly #values: Tensor[];
  #length = 0;

  constructor(options: {
    batch: number;
    layers: number;
    heads: number;
    length: number;
    headWidth: number;
    /** What the network computes in. */
    dtype: DType;
    device: Device;
  }) {
    const { batch, layers, heads, length, headWidth, dtype, device } = options;
    const blocked = device === "cpu" && (dtype === "float32" || dtype === "bfloat16");
    const room = Math.ceil(length / BLOCK) * BLOCK;
    const keys = blocked ? [batch, heads, room / BLOCK, headWidth, BLOCK] : [batch, heads, room, headWidth];
    const make = (shape: readonly number[]): Tensor => keep(zeros(shape, { dtype, device }));
    this.#keys = Array.from({ length: layers }, () => make(keys));
    this.#values = Array.from({ length: layers }, () => make([batch, heads, room, headWidth]));
  }

  /** Bytes that a cache takes for every row of its batch. */
  static bytesPerRow(shape: { layers: number; width: number; length: number; bytesPerNumber: number }): number {
    return 2 * shape.layers * shape.width * shape.length * shape.bytesPerNumber;
  }

  /** How many positions have been seen. */
  get length(): number {
    return this.#length;
  }

  /**
   * Attention of new positions over all that were seen and, in their order, over themselves. Without gradients.
   * (B, T, 3 · C), queries, keys and values side by side → (B, T, C)
   */
  attend(layer: number, qkv: Tensor): Tensor {
    const [keys, values] = this.#of(layer);
    return attendCached(qkv, keys, values, this.#length);
  }

  /**
   * A pre-norm block of new positions (B, T, C) → (B, T, C), as one operator: its two norms, and the linear layers for queries, keys and values,
   * of the way back into the stream, and of the MLP with its GELU. Without gradients.
   */
  decodeBlock(
    layer: number,
    x: Tensor,
    { norms, linears }: { norms: readonly [LayerNorm, LayerNorm]; linears: readonly [Linear, Linear, Linear, Linear] },
  ): Tensor {
    const [keys, values] = this.#of(layer);
    const ofNorms = norms.flatMap(({ weight, bias }) => [weight, bias]);
    const ofLinears = linears.flatMap(({ weight, bias, scale }) => [weight, bias, scale]);
    return decodeBlock(x, keys, values, this.#length, ofNorms, ofLinears, norms[0].eps);
  }

  /** What a layer has seen: keys and values, each (B, H, S, d). */
  seen(layer: number): [keys: Tensor, values: Tensor] {
    const [keys, values] = this.#of(layer);
    const rows = keys.shape.length === 5 ? keys.transpose(3, 4).flatten(2, 3) : keys;
    return [rows.narrow(2, 0, this.#length), values.narrow(2, 0, this.#length)];
  }

  #of(layer: number): [keys: Tensor, values: Tensor] {
    const [keys, values] = [this.#keys[layer], this.#values[layer]];
    if (!keys || !values) throw new RangeError("the cache has fewer layers than the network");
    return [keys, values];
  }

  advance(count: number): void {
    this.#length += count;
  }

  /** Row i becomes what row `indices[i]` was: a beam goes on from another beam. */
  reorder(indices: Tensor): void {
    for (const store of [...this.#keys, ...this.#values]) {
      const length = store.shape.length === 5 ? Math.ceil(this.#length / BLOCK) : this.#length;
      const seen = store.narrow(2, 0, length);
      seen.copy_(seen.indexSelect(0, indices));
    }
  }

  dispose(): void {
    for (const store of [...this.#keys, ...this.#values]) store.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
