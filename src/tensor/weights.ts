import { byteLengthOf, plainDType, toPlain, type PlainDType, type StoredDType } from "../io/stored-tensor.ts";
import { checkWeight, readWeight, readWeightInto, type Weight } from "../io/weight.ts";
import { isFloatingPoint } from "./dtype.ts";
import { empty } from "./functions.generated.ts";
import { native, type Handle } from "./native.ts";
import { tidy } from "./scope.ts";
import { Tensor } from "./tensor.ts";

const ALIGNMENT = 64;

/** Room for the tensors of one network: one block of memory, which goes when the last of them goes. */
export class WeightMemory {
  readonly #handle: Handle;
  #used = 0;

  constructor(weights: Iterable<Weight>) {
    let bytes = 0;
    for (const { dtype, shape } of weights) if (isPlain(dtype)) bytes += roomFor(byteLengthOf(dtype, shape));
    this.#handle = native.arena(bytes);
  }

  /** A tensor without values. */
  take(shape: readonly number[], dtype: PlainDType): Tensor {
    const tensor = new Tensor(native.within(this.#handle, this.#used, shape, dtype));
    this.#used += roomFor(byteLengthOf(dtype, shape));
    return tensor;
  }

  [Symbol.dispose](): void {
    native.release(this.#handle);
  }
}

/**
 * Reads one tensor of a weights file straight into the memory that keeps it, on the CPU, in the dtype that it has there
 * (types that the engine does not know are widened). `name` is for the message.
 * Throws for damage; with `finite`, as networks need it, also for numbers that are NaN or infinite.
 */
export function readTensor(
  name: string,
  weight: Weight,
  options: { finite?: boolean; memory?: WeightMemory } = {},
): Tensor {
  // Before memory is taken: a shape may come from a damaged file.
  checkWeight(name, weight);
  const tensor = read(name, weight, options.memory);
  if (options.finite && !isFinite(tensor)) {
    throw new Error(`tensor ${name} holds NaN or infinity: its training went wrong, or the file is damaged`);
  }
  return tensor;
}

function read(name: string, weight: Weight, memory: WeightMemory | undefined): Tensor {
  const { dtype, shape } = weight;
  if (!isPlain(dtype)) {
    const plain = toPlain(readWeight(name, weight));
    return Tensor.fromBytes(plain.data, plain.shape, plain.dtype);
  }
  const tensor = memory?.take(shape, dtype) ?? empty(shape, { dtype });
  native.withBytes(tensor.handle, (bytes) => readWeightInto(name, weight, bytes));
  return tensor;
}

function isPlain(dtype: StoredDType | null): dtype is PlainDType {
  return dtype !== null && plainDType(dtype) === dtype;
}

function roomFor(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

/** Whether no number is NaN or infinite: both show in a sum. Without copies, as 16-bit weights are not to be widened. */
function isFinite(tensor: Tensor): boolean {
  if (!isFloatingPoint(tensor.dtype) || tensor.numel === 0) return true;
  return tidy(
    () =>
      Number.isFinite(tensor.sum().item()) ||
      // Finite numbers can add up to infinity, in 16 bits soon; the extremes say then which it is.
      [tensor.amax(), tensor.amin()].every((extreme) => Number.isFinite(extreme.item())),
  );
}
