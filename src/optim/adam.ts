import { noGrad } from "../tensor/autograd.ts";
import type { Parameter } from "../tensor/parameter.ts";
import { adam_, gradNorm } from "../tensor/functions.generated.ts";
import { keep, tidy } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { StateDict } from "../nn/module.ts";
import { StepError } from "./step-error.ts";

export type AdamOptions = {
  /** Decay rates of the first and second moment. */
  betas?: readonly [number, number];
  eps?: number;
  /** AdamW's decoupled decay; 0 is Adam. */
  weightDecay?: number;
  /** What decays: by default weights of two or more dimensions that are no embeddings. */
  decays?: (name: string, parameter: Parameter) => boolean;
};

type Slot = { name: string; parameter: Parameter; decay: number; m: Tensor; v: Tensor };

/**
 * Adam (Kingma & Ba 2015) and, with weight decay, AdamW (Loshchilov & Hutter 2019), with PyTorch's arithmetic.
 * The learning rate comes with every step, so that a schedule is a function and not a state.
 */
export class Adam {
  readonly #slots: Slot[];
  readonly #betas: readonly [number, number];
  readonly #eps: number;
  #step = 0;

  /** @param parameters by name, as `Module.namedParameters()` gives them; those that do not learn are passed over */
  constructor(parameters: ReadonlyMap<string, Parameter>, options: AdamOptions = {}) {
    this.#betas = options.betas ?? [0.9, 0.999];
    this.#eps = options.eps ?? 1e-8;
    const { weightDecay = 0, decays = isDecayed } = options;
    const learning = [...parameters].filter(([, parameter]) => parameter.requiresGrad);
    for (const [name, { dtype }] of learning) {
      if (dtype !== "float32")
        throw new TypeError(`${name} is ${dtype}: call to("float32") on a network that is to learn`);
    }
    this.#slots = learning.map(([name, parameter]) => ({
      name,
      parameter,
      decay: decays(name, parameter) ? weightDecay : 0,
      m: keep(tidy(() => parameter.detach().zerosLike())),
      v: keep(tidy(() => parameter.detach().zerosLike())),
    }));
  }

  get parameters(): Parameter[] {
    return this.#slots.map((slot) => slot.parameter);
  }

  /**
   * One update with the gradients that are there; parameters without one stay as they are. Returns the common L2 norm of
   * the gradients; where it exceeds `maxNorm`, they count as if scaled down to that (Pascanu et al. 2013).
   * @throws StepError, and changes nothing, when a gradient is not finite
   */
  step(lr: number, { maxNorm = 0 }: { maxNorm?: number } = {}): number {
    return tidy(() => {
      const slots = this.#slots.flatMap((slot) => {
        const { grad } = slot.parameter;
        return grad ? [{ ...slot, grad }] : [];
      });
      const grads = slots.map(({ grad }) => grad);
      const norm = gradNorm(grads).item();
      if (!Number.isFinite(norm)) throw new StepError(whatIsWrong(slots));
      this.#step += 1;
      adam_(
        slots.map(({ parameter }) => parameter),
        grads,
        slots.map(({ m }) => m),
        slots.map(({ v }) => v),
        slots.map(({ decay }) => decay),
        lr,
        ...this.#betas,
        this.#eps,
        this.#step,
        maxNorm > 0 && norm > maxNorm ? maxNorm / (norm + 1e-6) : 1,
      );
      return norm;
    });
  }

  /** Forgets the gradients. */
  zeroGrad(): void {
    for (const { parameter } of this.#slots) parameter.grad = undefined;
  }

  /** Moments by parameter name (`m.…`, `v.…`) and the step count. */
  stateDict(): Map<string, Tensor> {
    const state = new Map<string, Tensor>([["step", Tensor.from([this.#step], [], "int64")]]);
    for (const { name, m, v } of this.#slots) state.set(`m.${name}`, m).set(`v.${name}`, v);
    return state;
  }

  /** Errors when the moments of a parameter are missing or have another shape. */
  loadStateDict(state: StateDict): void {
    const wanted = this.stateDict();
    const wrong = [...wanted].filter(([name, tensor]) => String(state.get(name)?.shape) !== String(tensor.shape));
    if (wrong.length > 0) {
      throw new Error(
        `the optimizer's state does not fit these parameters: ${wrong.map(([name]) => name).join(", ")}; ` +
          "was the run started with another configuration?",
      );
    }
    noGrad(() => {
      for (const { name, m, v } of this.#slots) {
        m.copy_(state.get(`m.${name}`) ?? m);
        v.copy_(state.get(`v.${name}`) ?? v);
      }
    });
    this.#step = state.get("step")?.item() ?? 0;
  }

  dispose(): void {
    for (const { m, v } of this.#slots) {
      m.dispose();
      v.dispose();
    }
  }
}

/** Names the gradients that are not finite; of many, the first and how many more. */
function whatIsWrong(slots: readonly { name: string; grad: Tensor }[]): string {
  const wrong = slots.filter(({ grad }) => !Number.isFinite(grad.to("float32").abs().amax().item()));
  const [first, ...others] = wrong.map(({ name }) => name);
  if (first === undefined) return "the gradients are finite, but their norm is not";
  return `the gradient of ${first} is not finite${others.length > 0 ? `, nor are those of ${others.length} others` : ""}`;
}

/** Matrices and kernels decay; biases, norms and embeddings do not (minGPT, HFAiLab/clip-gen). */
function isDecayed(name: string, parameter: Parameter): boolean {
  return parameter.shape.length >= 2 && !name.includes("embedding");
}
