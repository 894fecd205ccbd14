import { StepError } from "../optim/step-error.ts";
import { median } from "./median.ts";

/** Losses by which the next one is judged, and how many it takes. */
const [REMEMBERED, ENOUGH] = [100, 20];

/** Sees a loss that is no number, or that explodes, before the step is taken. */
export class LossGuard {
  readonly #most: number;
  #losses: number[] = [];

  /** @param explode how many times the median of the last losses is too much; 0 is never */
  constructor({ explode }: { explode: number }) {
    this.#most = explode;
  }

  /** @throws StepError */
  check(loss: number): void {
    if (!Number.isFinite(loss)) throw new StepError(`the loss is ${loss}`);
    const usual = median(this.#losses.map(Math.abs));
    if (this.#most > 0 && this.#losses.length >= ENOUGH && Math.abs(loss) > this.#most * usual) {
      throw new StepError(`the loss is ${loss.toPrecision(4)}, after a median of ${usual.toPrecision(4)}`);
    }
    this.#losses = [...this.#losses.slice(1 - REMEMBERED), loss];
  }
}
