import type { PickleValue } from "./pickle-values.ts";
import { byteLengthOf, bytesPerElement, elementCount, type StoredDType, type StoredTensor } from "./stored-tensor.ts";

/** A block of elements in a torch file. Several tensors may view the same one. Nothing is read before `read`. */
export type TorchStorage = {
  kind: "storage";
  /** null for an element type that this project does not hold. */
  dtype: StoredDType | null;
  dtypeName: string;
  byteLength: number;
  /** Bytes from `offset` on, in memory of their own. */
  read: (offset: number, length: number) => Uint8Array;
};

/** A tensor in a torch file, not yet read: a view onto a storage. `strides` and `offset` count elements. */
export type TorchTensor = {
  kind: "tensor";
  dtype: StoredDType | null;
  dtypeName: string;
  shape: number[];
  strides: number[];
  offset: number;
  storage: TorchStorage;
};

/** What a torch file holds: plain values, tensors, and inert records for everything else. */
export type TorchValue = PickleValue<TorchTensor | TorchStorage>;

// A view may repeat its storage (stride 0). Beyond this size it may not be larger than the storage it looks at.
const MAX_REPEATED_BYTES = 2 ** 28;

/** torch's names of our element types, with and without the storage classes' spelling. */
export const TORCH_DTYPES: ReadonlyMap<string, StoredDType> = new Map<string, StoredDType>([
  ["torch.DoubleStorage", "float64"],
  ["torch.FloatStorage", "float32"],
  ["torch.HalfStorage", "float16"],
  ["torch.BFloat16Storage", "bfloat16"],
  ["torch.LongStorage", "int64"],
  ["torch.IntStorage", "int32"],
  ["torch.ShortStorage", "int16"],
  ["torch.CharStorage", "int8"],
  ["torch.ByteStorage", "uint8"],
  ["torch.BoolStorage", "bool"],
  ["torch.UntypedStorage", "uint8"],
  ["torch.storage.UntypedStorage", "uint8"],
  ["torch.float64", "float64"],
  ["torch.float32", "float32"],
  ["torch.float16", "float16"],
  ["torch.bfloat16", "bfloat16"],
  ["torch.int64", "int64"],
  ["torch.int32", "int32"],
  ["torch.int16", "int16"],
  ["torch.int8", "int8"],
  ["torch.uint8", "uint8"],
  ["torch.bool", "bool"],
]);

/** True for a tensor that a torch file holds. */
export function isTorchTensor(value: TorchValue | undefined): value is TorchTensor {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "tensor";
}

/**
 * Reads one tensor, made contiguous. `name` is for the message.
 * Throws for an element type that this project does not hold, and for a view that reaches beyond its storage.
 */
export function readTorchTensor(name: string, tensor: TorchTensor): StoredTensor {
  const { dtype, dtypeName, shape, strides, offset, storage } = tensor;
  if (dtype === null) {
    throw new Error(`tensor ${name} has the element type ${dtypeName}, which this project does not hold`);
  }
  const byteLength = byteLengthOf(dtype, shape);
  if (byteLength === 0) return { dtype, shape: [...shape], data: new Uint8Array() };
  const size = bytesPerElement(dtype);
  const span = shape.reduce((sum, length, axis) => sum + (length - 1) * (strides[axis] ?? 0), 1);
  if (strides.length !== shape.length || !isCount(offset) || !strides.every(isCount) || !isCount(span)) {
    throw new Error(
      `tensor ${name} is damaged: shape [${shape.join(", ")}], strides [${strides.join(", ")}], at ${offset}`,
    );
  }
  if ((offset + span) * size > storage.byteLength) {
    throw new Error(
      `tensor ${name} is damaged: it reaches to byte ${(offset + span) * size} of a storage of ${storage.byteLength}`,
    );
  }
  if (byteLength > storage.byteLength && byteLength > MAX_REPEATED_BYTES) {
    throw new Error(`tensor ${name} repeats ${storage.byteLength} bytes to ${byteLength}, which is refused`);
  }
  const source = storage.read(offset * size, span * size);
  const data = isContiguous(shape, strides) ? source : gather(source, { shape, strides, size });
  return { dtype, shape: [...shape], data };
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function isContiguous(shape: number[], strides: number[]): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
    const length = shape[axis] ?? 1;
    // The stride of an axis of length 1 is never used, and torch writes any number there.
    if (length !== 1 && strides[axis] !== expected) return false;
    expected *= length;
  }
  return true;
}

/** Copies a strided view to row-major order. `source` starts at the view's first element. */
function gather(source: Uint8Array, view: { shape: number[]; strides: number[]; size: number }): Uint8Array {
  const { size } = view;
  // Eight bytes move as two words of four: floats would lose the payload of a NaN.
  const pair = size === 8;
  const shape = pair ? [...view.shape, 2] : view.shape;
  const strides = pair ? [...view.strides.map((stride) => stride * 2), 1] : view.strides;
  const from = wordsOf(source, size);
  const data = new Uint8Array(elementCount(view.shape) * size);
  const to = wordsOf(data, size);
  const last = shape.length - 1;
  const rowLength = shape[last] ?? 1;
  const rowStride = strides[last] ?? 0;
  const index = shape.map(() => 0);
  let start = 0;
  for (let row = 0; row < to.length; row += rowLength) {
    for (let column = 0; column < rowLength; column += 1) to[row + column] = from[start + column * rowStride] ?? 0;
    for (let axis = last - 1; axis >= 0; axis -= 1) {
      const next = (index[axis] ?? 0) + 1;
      start += strides[axis] ?? 0;
      index[axis] = next;
      if (next < (shape[axis] ?? 1)) break;
      start -= next * (strides[axis] ?? 0);
      index[axis] = 0;
    }
  }
  return data;
}

function wordsOf({ buffer, byteOffset, byteLength }: Uint8Array, size: number): Uint8Array | Uint16Array | Uint32Array {
  if (size === 1) return new Uint8Array(buffer, byteOffset, byteLength);
  if (size === 2) return new Uint16Array(buffer, byteOffset, byteLength / 2);
  return new Uint32Array(buffer, byteOffset, byteLength / 4);
}
