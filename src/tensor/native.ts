import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism, cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { cpuFlags, openblasCore } from "./cpu.ts";

/** A number that names a tensor or a generator inside the add-on. */
export type Handle = number;

/** What an operator's argument may be; the schema decides what it has to be. */
export type Argument =
  | Handle
  | boolean
  | string
  | bigint
  | null
  | undefined
  | readonly (Handle | boolean | null | undefined)[];

/** The functions of the native add-on (`native/`). */
export type Native = {
  findOperator(name: string, overload: string): number;
  schemaOf(operator: number): string;
  /** The result is what the operator's schema says: a handle, a number, or a list of them. */
  call<Result>(operator: number, ...args: Argument[]): Result;
  fromBytes(bytes: Uint8Array, shape: readonly number[], dtype: string): Handle;
  toBytes(tensor: Handle): ArrayBuffer;
  /** A number for which `claim` gives the same tensor, in the same memory, once, in any thread of this process. */
  share(tensor: Handle): number;
  claim(shared: number): Handle;
  /** Memory on the CPU for many tensors, quick to fill; `within` makes tensors in it, at multiples of 64 bytes. */
  arena(bytes: number): Handle;
  within(arena: Handle, offset: number, shape: readonly number[], dtype: string): Handle;
  /** The tensor's own memory for the time of the call; contiguous tensors on the CPU only. */
  withBytes(tensor: Handle, use: (bytes: Uint8Array) => void): void;
  shape(tensor: Handle): number[];
  dtype(tensor: Handle): string;
  device(tensor: Handle): string;
  release(tensor: Handle): void;
  isLive(tensor: Handle): boolean;
  backward(tensor: Handle, retainGraph: boolean): void;
  grad(
    outputs: readonly Handle[],
    inputs: readonly Handle[],
    gradOutputs: readonly Handle[],
    retainGraph: boolean,
    createGraph: boolean,
  ): (Handle | null)[];
  requiresGrad(tensor: Handle): boolean;
  setRequiresGrad(tensor: Handle, value: boolean): void;
  gradOf(tensor: Handle): Handle | null;
  setGrad(tensor: Handle, gradient: Handle | null): void;
  setGradEnabled(enabled: boolean): boolean;
  createGenerator(device: string): Handle;
  releaseGenerator(generator: Handle): void;
  seedGenerator(generator: Handle | string, seed: number): void;
  generatorState(generator: Handle | string): Handle;
  setGeneratorState(generator: Handle | string, state: Handle): void;
  threads(): number;
  setThreads(count: number): void;
  /** Sets of kernels (`native/kernels/`) that this CPU runs, from the plainest to the newest, which is taken at first. */
  kernels(): string[];
  useKernels(name: string): void;
  memory(): [tensors: number, generators: number, bytes: number];
  version(): string;
  configuration(): string;
  cudaDevices(): number;
  synchronize(device: string): void;
  /** Ends the process at once, from any thread, whatever the others are doing. */
  endProcess(code: number): never;
} & Partial<NativeGroup>;

/** c10d (`native/distributed.cpp`): all of it, or none where libtorch was built without. */
export type NativeGroup = {
  /** gloo, and nccl where the add-on was built with it. */
  groupBackends(): string[];
  joinGroup(
    backend: string,
    rank: number,
    size: number,
    host: string,
    port: number,
    serves: boolean,
    address: string,
    prefix: string,
    joinMs: number,
    waitMs: number,
  ): void;
  leaveGroup(): void;
  groupSet(key: string, text: string): void;
  groupGet(key: string): string;
  allReduce(tensor: Handle, operation: "sum" | "max"): void;
  broadcast(tensor: Handle): void;
  gatherRows(tensor: Handle): Handle;
  sumOverProcesses(tensor: Handle): Handle;
  averageGradients(parameters: readonly Handle[], bucketBytes: number): number;
  watchGradients(average: number): void;
  finishGradients(average: number): void;
  forgetGradients(average: number): void;
};

/** The add-on is missing or does not load; the message says what to do. */
export class EngineError extends Error {
  override readonly name = "EngineError";
}

/** Where the add-on lies: `CLIP_GEN_NATIVE`, or where `scripts/build-native.js` puts it. */
export function nativePath(): string {
  return process.env["CLIP_GEN_NATIVE"] ?? fileURLToPath(new URL("../../native/build/clip_gen.node", import.meta.url));
}

function load(): Native {
  const path = nativePath();
  if (!existsSync(path)) {
    throw new EngineError(
      `the native add-on has not been built (${path} is missing). Run: npx clip-gen doctor --build`,
    );
  }
  // Before a library reads it.
  const core = openblasCore(cpuFlags(), cpus()[0]?.model ?? "");
  if (core !== undefined) process.env["OPENBLAS_CORETYPE"] ??= core;
  // What c10d logs of a connection that fails comes as an error, too.
  process.env["GLOG_minloglevel"] ??= "3";
  process.env["TORCH_CPP_LOG_LEVEL"] ??= "FATAL";
  try {
    const native: Native = createRequire(import.meta.url)(path);
    // libtorch 1.13 takes one thread on some virtual machines; the system knows better how many cores there are.
    if (process.env["OMP_NUM_THREADS"] === undefined) native.setThreads(availableParallelism());
    return native;
  } catch (error) {
    throw new EngineError(
      `the native add-on does not load: ${error instanceof Error ? error.message : String(error)}. ` +
        "Was libtorch removed or replaced since it was built? Run: npx clip-gen doctor --build",
    );
  }
}

export const native: Native = load();
