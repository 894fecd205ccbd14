import type { Gpt } from "../models/gpt.ts";
import { Random } from "../random.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { GptTraining } from "../config.ts";

/**
 * Token orders of steps: random ones at first, which give way to rows over a share of the training (RAR: Yu et al. 2024,
 * arXiv 2411.00776, section 3.2; there each picture has an order of its own, here each batch).
 */
export class RandomOrders {
  readonly #length: number;
  readonly #seed: number;
  readonly #until: number;

  constructor(gpt: Gpt, { seed, steps, randomOrder }: GptTraining) {
    if (!gpt.config.anyOrder) throw new Error("random orders need a GPT with anyOrder");
    this.#length = gpt.config.tokenCount;
    this.#seed = seed;
    this.#until = randomOrder * steps;
  }

  /** (L) int64, or nothing where the tokens come row by row. */
  at(step: number): Tensor | undefined {
    const random = new Random(this.#seed, "order", step);
    if (!random.chance(1 - step / this.#until)) return undefined;
    const places = random.shuffle(Array.from({ length: this.#length }, (_, place) => place));
    return Tensor.from(places, [this.#length], "int64");
  }
}

/** Where in an order each place is: what has come in this order is taken back to rows by it. (L) int64 → (L) int64 */
export function placesOf(order: Tensor): Tensor {
  return order.sort()[1];
}
