import { meanOverProcesses } from "../distributed/group.ts";
import { noGrad } from "../tensor/autograd.ts";
import { keep } from "../tensor/scope.ts";
import { Tensor, type Device } from "../tensor/tensor.ts";
import type { Stateful } from "./checkpoints.ts";

const DECAY = 0.999;

/**
 * Keeps a discriminator's opinions near their running averages, where it has few pictures to learn from (LeCAM: Tseng et al.
 * 2021, arXiv 2104.03310, equation 6): weight · (E max(0, real − average fake)² + E max(0, average real − fake)²).
 */
export class Lecam implements Stateful {
  readonly #weight: number;
  /** Average logits of real and of reconstructed pictures. (2) */
  readonly #averages: Tensor;

  constructor(options: { weight: number; device: Device }) {
    this.#weight = options.weight;
    this.#averages = keep(Tensor.from([0, 0], [2]).to(options.device));
  }

  /** Logits of any shape → scalar; the averages move on afterwards. */
  loss(logitsReal: Tensor, logitsFake: Tensor): Tensor {
    const [averageReal, averageFake] = [this.#averages.select(0, 0), this.#averages.select(0, 1)].map((average) =>
      average.clone(),
    );
    if (!averageReal || !averageFake) throw new Error("two averages give two tensors");
    const real = logitsReal.sub(averageFake).relu().square().mean();
    const fake = averageReal.sub(logitsFake).relu().square().mean();
    noGrad(() => {
      this.#averages.select(0, 0).lerp_(meanOverProcesses(logitsReal.detach().mean()), 1 - DECAY);
      this.#averages.select(0, 1).lerp_(meanOverProcesses(logitsFake.detach().mean()), 1 - DECAY);
    });
    return real.add(fake).mul(this.#weight);
  }

  stateDict(): Map<string, Tensor> {
    return new Map([["averages", this.#averages]]);
  }

  loadStateDict(state: ReadonlyMap<string, Tensor>): void {
    const averages = state.get("averages");
    if (averages) this.#averages.copy_(averages);
  }
}
