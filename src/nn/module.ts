import type { DType } from "../tensor/dtype.ts";
import { noGrad } from "../tensor/autograd.ts";
import { Parameter } from "../tensor/parameter.ts";
import { keep, tidy } from "../tensor/scope.ts";
import { Tensor, type Device } from "../tensor/tensor.ts";

/** Names as files have them (`blocks.0.norm1.weight`) and the tensors that belong to them. */
export type StateDict = ReadonlyMap<string, Tensor>;

/**
 * A part of a network. Its own properties are its state: `Parameter`s are learned, plain `Tensor`s are buffers (saved,
 * not learned), `Module`s and lists of them are parts. What must not be saved belongs in a private `#field`.
 * Properties are in camelCase, names in state dicts in snake_case.
 */
export abstract class Module {
  /** Whether dropout and batch statistics are on. */
  training = true;
  /** What activations are computed in; parameters keep their own dtype and are converted where they are used. */
  computeDtype: DType = "float32";

  /** Every parameter and buffer by name, those of the parts included. */
  stateDict(): Map<string, Tensor> {
    return new Map(this.#state("").map(({ name, tensor }) => [name, tensor]));
  }

  namedParameters(): Map<string, Parameter> {
    const parameters = new Map<string, Parameter>();
    for (const { name, tensor } of this.#state("")) if (tensor instanceof Parameter) parameters.set(name, tensor);
    return parameters;
  }

  parameters(): Parameter[] {
    return [...this.namedParameters().values()];
  }

  /** How many numbers the parameters hold. */
  get parameterCount(): number {
    return this.parameters().reduce((sum, parameter) => sum + parameter.numel, 0);
  }

  /**
   * Copies values in by name, whatever their dtype. All missing, extra and misshapen names are told in one error, and
   * then nothing has been changed.
   * @param options.strict false passes over missing and extra names, and returns them; shapes always have to agree
   */
  loadStateDict(state: StateDict, options: { strict?: boolean } = {}): { missing: string[]; extra: string[] } {
    const own = this.stateDict();
    const missing = [...own.keys()].filter((name) => !state.has(name));
    const extra = [...state.keys()].filter((name) => !own.has(name));
    const misshapen: string[] = [];
    for (const [name, tensor] of own) {
      const given = state.get(name);
      if (given && String(given.shape) !== String(tensor.shape)) {
        misshapen.push(`${name} is [${given.shape.join(", ")}], expected [${tensor.shape.join(", ")}]`);
      }
    }
    const strict = options.strict ?? true;
    if (misshapen.length > 0 || (strict && missing.length + extra.length > 0)) {
      throw new Error(mismatch(this.constructor.name, strict ? { missing, extra, misshapen } : { misshapen }));
    }
    noGrad(() =>
      tidy(() => {
        for (const [name, tensor] of own) {
          const given = state.get(name);
          if (given) tensor.copy_(given);
        }
      }),
    );
    return { missing, extra };
  }

  /** Training mode for this module and its parts. */
  train(mode = true): this {
    return this.#each((module) => {
      module.training = mode;
    });
  }

  /** Evaluation mode: no dropout, running statistics. */
  eval(): this {
    return this.train(false);
  }

  /** Whether the parameters learn. */
  setTrainable(trainable: boolean): this {
    for (const parameter of this.parameters()) parameter.setRequiresGrad(trainable);
    return this;
  }

  setComputeDtype(dtype: DType): this {
    return this.#each((module) => {
      module.computeDtype = dtype;
    });
  }

  /** Moves parameters and buffers to a device; optimizers have to be made afterwards. */
  to(device: Device): this {
    return this.#each((module) => {
      for (const [key, value] of Object.entries(module)) {
        if (!(value instanceof Tensor)) continue;
        const moved = value.to(device);
        if (moved === value) continue;
        Reflect.set(module, key, value instanceof Parameter ? new Parameter(moved) : keep(moved));
        value.dispose();
      }
    });
  }

  /** Gives the memory of all parameters and buffers back. */
  dispose(): void {
    for (const tensor of this.stateDict().values()) tensor.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #each(visit: (module: Module) => void): this {
    visit(this);
    for (const { part } of this.#parts()) part.#each(visit);
    return this;
  }

  #parts(): { name: string; part: Module }[] {
    return Object.entries(this).flatMap(([key, value]: [string, unknown]) => {
      const name = snakeCase(key);
      if (value instanceof Module) return [{ name, part: value }];
      if (!Array.isArray(value)) return [];
      return value.flatMap((part: unknown, i) => (part instanceof Module ? [{ name: `${name}.${i}`, part }] : []));
    });
  }

  #state(prefix: string): { name: string; tensor: Tensor }[] {
    const own = Object.entries(this).flatMap(([key, value]: [string, unknown]) =>
      value instanceof Tensor ? [{ name: prefix + snakeCase(key), tensor: value }] : [],
    );
    return [...own, ...this.#parts().flatMap(({ name, part }) => part.#state(`${prefix}${name}.`))];
  }
}

/** `tokenEmbedding` → `token_embedding`. */
export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function mismatch(module: string, lists: Record<string, string[]>): string {
  const parts = Object.entries(lists).filter(([, names]) => names.length > 0);
  const text = parts.map(([kind, names]) => `  ${kind} (${names.length}): ${names.join(", ")}`);
  return `these weights do not fit this ${module}:\n${text.join("\n")}`;
}
