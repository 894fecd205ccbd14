import { noGrad } from "../tensor/autograd.ts";
import { keep, tidy } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { Module, StateDict } from "../nn/module.ts";

/**
 * An exponential moving average of a module's state: average ← decay · average + (1 − decay) · state.
 * Early on the decay is smaller, (1 + n) / (10 + n), so that the random start is soon forgotten (TensorFlow's rule).
 */
export class Ema {
  readonly #module: Module;
  readonly #decay: number;
  readonly #average: Map<string, Tensor>;
  #updates = 0;

  constructor(module: Module, options: { decay: number }) {
    this.#module = module;
    this.#decay = options.decay;
    this.#average = new Map(
      [...module.stateDict()].map(([name, tensor]) => [name, keep(tidy(() => tensor.detach().clone()))]),
    );
  }

  update(): void {
    this.#updates += 1;
    const decay = Math.min(this.#decay, (1 + this.#updates) / (10 + this.#updates));
    const state = this.#module.stateDict();
    noGrad(() =>
      tidy(() => {
        for (const [name, average] of this.#average) {
          const now = state.get(name);
          if (!now) continue;
          if (now.dtype === "int64") average.copy_(now);
          else average.lerp_(now.detach(), 1 - decay);
        }
      }),
    );
  }

  /** Begins the average of one tensor anew, where its value was set and not learned. */
  restart(name: string): void {
    const now = this.#module.stateDict().get(name);
    const average = this.#average.get(name);
    if (!now || !average) throw new RangeError(`there is no ${name} to average`);
    noGrad(() => average.copy_(now));
  }

  /** Runs a function with the averaged weights in the module, and puts its own back afterwards. */
  async with<T>(run: () => T | Promise<T>): Promise<T> {
    const own = new Map([...this.#module.stateDict()].map(([name, t]) => [name, keep(tidy(() => t.detach().clone()))]));
    this.#module.loadStateDict(this.#average);
    try {
      return await run();
    } finally {
      this.#module.loadStateDict(own);
      for (const tensor of own.values()) tensor.dispose();
    }
  }

  /** The averages by name, and `updates`: how many there were. */
  stateDict(): Map<string, Tensor> {
    return new Map([...this.#average, ["updates", Tensor.from([this.#updates], [], "int64")]]);
  }

  loadStateDict(state: StateDict): void {
    const missing = [...this.#average.keys(), "updates"].filter((name) => !state.has(name));
    if (missing.length > 0) throw new Error(`the saved average lacks ${missing.join(", ")}`);
    noGrad(() => {
      for (const [name, average] of this.#average) average.copy_(state.get(name) ?? average);
    });
    this.#updates = state.get("updates")?.item() ?? 0;
  }
}

/** Runs a function with the averaged weights where there is an average, else with the weights as they are. */
export async function withAverage<T>(ema: Ema | undefined, run: () => T | Promise<T>): Promise<T> {
  return ema ? await ema.with(run) : await run();
}
