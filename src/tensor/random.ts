import { native, type Handle } from "./native.ts";
import { Tensor, type Device } from "./tensor.ts";

const forgotten = new FinalizationRegistry<Handle>((handle) => native.releaseGenerator(handle));

/** A source of random numbers whose seed and state can be set, saved and restored. */
export class Generator {
  readonly handle: Handle;

  constructor(seed: number, device: Device = "cpu") {
    this.handle = native.createGenerator(device);
    forgotten.register(this, this.handle, this);
    native.seedGenerator(this.handle, seed);
  }

  /** The whole state, as bytes: `restore` goes on exactly from here. */
  state(): Uint8Array {
    return stateOf(this.handle);
  }

  restore(state: Uint8Array): void {
    setState(this.handle, state);
  }

  dispose(): void {
    forgotten.unregister(this);
    native.releaseGenerator(this.handle);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** Seeds the generator that operators such as dropout use by themselves; for the whole process. */
export function manualSeed(seed: number, device: Device = "cpu"): void {
  native.seedGenerator(device, seed);
}

/** The state of the generator that operators use by themselves. */
export function randomState(device: Device = "cpu"): Uint8Array {
  return stateOf(device);
}

export function setRandomState(state: Uint8Array, device: Device = "cpu"): void {
  setState(device, state);
}

function stateOf(generator: Handle | string): Uint8Array {
  const state = new Tensor(native.generatorState(generator));
  try {
    return state.toBytes();
  } finally {
    state.dispose();
  }
}

function setState(generator: Handle | string, bytes: Uint8Array): void {
  const state = Tensor.fromBytes(bytes, [bytes.length], "uint8");
  try {
    native.setGeneratorState(generator, state.handle);
  } finally {
    state.dispose();
  }
}
