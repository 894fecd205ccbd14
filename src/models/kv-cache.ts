import { zeros } from "../tensor/functions.generated.ts";
import { noGrad } from "../tensor/autograd.ts";
import { keep } from "../tensor/scope.ts";
import type { DType } from "../tensor/dtype.ts";
import type { Device, Tensor } from "../tensor/tensor.ts";

/**
 * Keys and values of the positions that a GPT has already seen, so that every new token costs one position and not all
 * of them. It lives until it is disposed of.
 */
export class KvCache {
  readonly #keys: Tensor[];
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
    const make = (): Tensor => keep(zeros([batch, heads, length, headWidth], { dtype, device }));
    this.#keys = Array.from({ length: layers }, make);
    this.#values = Array.from({ length: layers }, make);
  }

  /** How many positions have been seen. */
  get length(): number {
    return this.#length;
  }

  /** Writes the keys and values of new positions (B, H, T, d), and gives those of all positions (B, H, S, d). */
  append(layer: number, { k, v }: { k: Tensor; v: Tensor }): [Tensor, Tensor] {
    return [this.#write(this.#keys[layer], k), this.#write(this.#values[layer], v)];
  }

  #write(store: Tensor | undefined, part: Tensor): Tensor {
    if (!store) throw new RangeError("the cache has fewer layers than the network");
    const count = part.size(2);
    noGrad(() => store.narrow(2, this.#length, count).copy_(part));
    return store.narrow(2, 0, this.#length + count).to(part.dtype);
  }

  advance(count: number): void {
    this.#length += count;
  }

  /** Row i becomes what row `indices[i]` was: a beam goes on from another beam. */
  reorder(indices: Tensor): void {
    for (const store of [...this.#keys, ...this.#values]) {
      const seen = store.narrow(2, 0, this.#length);
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
