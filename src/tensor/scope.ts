import { native, type Handle } from "./native.ts";

/** What a scope owns: anything with a handle in the add-on. */
export type Scoped = { readonly handle: Handle; scope: TensorScope | undefined };

// The safety net for tensors that no scope owns: their memory goes when JavaScript forgets them.
const forgotten = new FinalizationRegistry<Handle>((handle) => native.release(handle));

let current: TensorScope | undefined;

/**
 * Owns every tensor that is born while it is the innermost scope, and disposes of them all when it ends.
 * Use it with `using scope = tensorScope()`, in synchronous code only: a scope that is open across an `await`
 * would also own what other tasks make meanwhile.
 */
export class TensorScope {
  readonly #owned: Scoped[] = [];
  readonly #parent: TensorScope | undefined = current;
  #ended = false;

  add(tensor: Scoped): void {
    tensor.scope = this;
    this.#owned.push(tensor);
  }

  /** Hands tensors to the scope outside this one; where there is none, they live until they are disposed of. */
  release(tensors: Iterable<Scoped>): void {
    for (const tensor of tensors) {
      if (tensor.scope === this) adopt(tensor, this.#parent);
    }
  }

  [Symbol.dispose](): void {
    if (this.#ended) return;
    this.#ended = true;
    if (current === this) current = this.#parent;
    for (const tensor of this.#owned) {
      if (tensor.scope === this) native.release(tensor.handle);
    }
    this.#owned.length = 0;
  }
}

function adopt(tensor: Scoped, scope: TensorScope | undefined): void {
  if (scope) {
    scope.add(tensor);
  } else {
    tensor.scope = undefined;
    forgotten.register(tensor, tensor.handle);
  }
}

/** Called once for every new tensor. */
export function born(tensor: Scoped): void {
  adopt(tensor, current);
}

/** Opens a scope: `using scope = tensorScope();` */
export function tensorScope(): TensorScope {
  current = new TensorScope();
  return current;
}

/** Takes a tensor out of all scopes: it lives until `dispose()`, or until JavaScript forgets it. */
export function keep<T extends Scoped>(tensor: T): T {
  if (tensor.scope) adopt(tensor, undefined);
  return tensor;
}

/**
 * Runs a function in a scope of its own. Tensors in its result (also within arrays and plain objects) move to the
 * scope outside; all others are disposed of, also when it throws.
 */
export function tidy<T>(run: () => T extends Promise<unknown> ? never : T): T {
  const scope = tensorScope();
  try {
    const result = run();
    scope.release(scopedIn(result));
    return result;
  } finally {
    scope[Symbol.dispose]();
  }
}

function* scopedIn(value: unknown): Generator<Scoped> {
  if (isScoped(value)) {
    yield value;
  } else if (value instanceof Map) {
    for (const element of value.values()) yield* scopedIn(element);
  } else if (Array.isArray(value)) {
    for (const element of value) yield* scopedIn(element);
  } else if (isPlainObject(value)) {
    for (const element of Object.values(value)) yield* scopedIn(element);
  }
}

function isScoped(value: unknown): value is Scoped {
  return typeof value === "object" && value !== null && "handle" in value && "scope" in value;
}

function isPlainObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
