import { checkWeight, type Weights } from "../io/weight.ts";
import { isDType, type DType } from "../tensor/dtype.ts";
import { describeMismatch, type Mismatch } from "./mismatch.ts";
import { noGrad } from "../tensor/autograd.ts";
import { Parameter } from "../tensor/parameter.ts";
import { keep, tidy } from "../tensor/scope.ts";
import { Tensor, type Device } from "../tensor/tensor.ts";
import { readTensor, WeightMemory } from "../tensor/weights.ts";

/** Names as files have them (`blocks.0.norm1.weight`) and the tensors that belong to them. */
export type StateDict = ReadonlyMap<string, Tensor>;

/** What parameters of a loaded network are kept in: as the file has them, or 32 bits as training needs. */
export type WeightDType = "auto" | "float32";

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
   * Copies values in by name, whatever their dtype. All missing, extra and misshapen names are told in one error (of very many the first), and
   * then nothing has been changed.
   * @param options.strict false passes over missing and extra names, and returns them; shapes always have to agree
   */
  loadStateDict(state: StateDict, options: { strict?: boolean } = {}): { missing: string[]; extra: string[] } {
    const own = this.stateDict();
    const { missing, extra, misshapen } = this.compare(state);
    if (options.strict ?? true) this.#refuse({ missing, extra, misshapen });
    else this.#refuse({ misshapen });
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

  /**
   * Takes its values from a weights file, one tensor at a time: each is read straight into the memory that keeps it.
   * Names and shapes have to agree exactly; all that do not are told in one error, and then nothing has been changed.
   * @param options.dtype "auto" keeps parameters in the 16 or 32 bits that the file has, for which layers convert them
   * where they compute; "float32" widens them, as training needs
   */
  loadWeights(weights: Weights, options: { dtype?: WeightDType } = {}): void {
    this.#refuse(this.compare(weights));
    for (const [name, weight] of weights) checkWeight(name, weight);
    using memory = new WeightMemory(weights.values());
    for (const { name, tensor, owner, key } of this.#state("")) {
      const weight = weights.get(name);
      if (!weight) continue;
      tidy(() => {
        const read = readTensor(name, weight, { finite: true, memory });
        const kept = tensor instanceof Parameter ? read.to(parameterDType(read.dtype, options.dtype)) : read;
        Reflect.set(owner, key, replacement(tensor, kept));
      });
      tensor.dispose();
    }
  }

  /** Takes tensors as they are for its own, also ones that it has no place for yet, such as the scales of int8 weights. */
  adopt(state: StateDict): void {
    for (const [name, module] of this.#named("")) {
      for (const [key, tensor] of state) {
        const own = key.startsWith(name) ? key.slice(name.length) : "";
        if (own !== "" && !own.includes(".")) Reflect.set(module, camelCase(own), tensor);
      }
    }
  }

  /** How weights fit this network, without taking them. */
  compare(given: Shaped): Mismatch {
    const own = this.stateDict();
    const misshapen = Array.from(own, ([name, { shape }]) => {
      const other = given.get(name)?.shape ?? shape;
      const same = String(other) === String(shape);
      return same ? [] : [`${name} is [${other.join(", ")}], expected [${shape.join(", ")}]`];
    }).flat();
    return {
      missing: [...own.keys()].filter((name) => !given.has(name)),
      extra: [...given.keys()].filter((name) => !own.has(name)),
      misshapen,
    };
  }

  #refuse(lists: Partial<Mismatch>): void {
    const message = describeMismatch(lists);
    if (message !== undefined) throw new Error(`these weights do not fit this ${this.constructor.name}: ${message}`);
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

  /** Moves parameters and buffers to a device, or parameters to a dtype; optimizers have to be made afterwards. */
  to(target: Device | "float32" | "bfloat16" | "float16"): this {
    for (const { tensor, owner, key } of this.#state("")) {
      if (isDType(target) && !(tensor instanceof Parameter)) continue;
      const moved = tidy(() => tensor.to(target));
      if (moved === tensor) continue;
      Reflect.set(owner, key, replacement(tensor, moved));
      moved.dispose();
      tensor.dispose();
    }
    return this;
  }

  /** Gives the memory of all parameters and buffers back. */
  dispose(): void {
    for (const tensor of this.stateDict().values()) tensor.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** This module and all parts of it. */
  *modules(): Generator<Module> {
    yield this;
    for (const { part } of this.#parts()) yield* part.modules();
  }

  #each(visit: (module: Module) => void): this {
    visit(this);
    for (const { part } of this.#parts()) part.#each(visit);
    return this;
  }

  *#named(prefix: string): Generator<[prefix: string, module: Module]> {
    yield [prefix, this];
    for (const { name, part } of this.#parts()) yield* part.#named(`${prefix}${name}.`);
  }

  #parts(): { name: string; part: Module }[] {
    return Object.entries(this).flatMap(([key, value]: [string, unknown]) => {
      const name = snakeCase(key);
      if (value instanceof Module) return [{ name, part: value }];
      if (!Array.isArray(value)) return [];
      return value.flatMap((part: unknown, i) => (part instanceof Module ? [{ name: `${name}.${i}`, part }] : []));
    });
  }

  #state(prefix: string): Place[] {
    const own = Object.entries(this).flatMap(([key, value]: [string, unknown]) =>
      value instanceof Tensor ? [{ name: prefix + snakeCase(key), tensor: value, owner: this, key }] : [],
    );
    return [...own, ...this.#parts().flatMap(({ name, part }) => part.#state(`${prefix}${name}.`))];
  }
}

/** A tensor of a network, and the property that holds it. */
type Place = { name: string; tensor: Tensor; owner: Module; key: string };

/** What another tensor takes a place with: a parameter stays one, and learns if it did. */
function replacement(old: Tensor, values: Tensor): Tensor {
  if (!(old instanceof Parameter)) return keep(values.to(old.dtype));
  return new Parameter(values).setRequiresGrad(old.requiresGrad);
}

function parameterDType(given: DType, wanted: WeightDType = "auto"): DType {
  return wanted === "auto" && (given === "float16" || given === "bfloat16") ? given : "float32";
}

/** `token_embedding` → `tokenEmbedding`. */
function camelCase(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** `tokenEmbedding` → `token_embedding`. */
export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

type Shaped = ReadonlyMap<string, { readonly shape: readonly number[] }>;
