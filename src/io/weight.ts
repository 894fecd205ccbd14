import { oneLine } from "./read-error.ts";
import { byteLengthOf, bytesPerElement, elementCount, type StoredDType, type StoredTensor } from "./stored-tensor.ts";

/** A block of elements in a file. Several tensors may view the same one. Nothing is read before it is asked for. */
export type WeightStorage = {
  kind: "storage";
  /** null for an element type that this project does not hold. */
  dtype: StoredDType | null;
  dtypeName: string;
  byteLength: number;
  /** Fills the target with the bytes from `offset` on. */
  readInto: (target: Uint8Array, offset: number) => void;
  /** The storage that this one is a part of. */
  within?: WeightStorage;
};

/** A tensor in a file, not yet read: a view onto a storage. `strides` and `offset` count elements. */
export type Weight = {
  kind: "tensor";
  dtype: StoredDType | null;
  dtypeName: string;
  shape: readonly number[];
  strides: readonly number[];
  offset: number;
  storage: WeightStorage;
};

/** The tensors of a weights file by name. */
export type Weights = ReadonlyMap<string, Weight>;

// A view may repeat its storage (stride 0), but a small file may not take the memory of a large one.
const MAX_REPEATS = 16;
const FREE_BYTES = 2 ** 24;
// A message names the tensor, and says something besides.
const MAX_NAME_CHARACTERS = 300;

/** A whole storage as a tensor, row by row. */
export function wholeWeight(storage: WeightStorage, shape: readonly number[]): Weight {
  const { dtype, dtypeName } = storage;
  return { kind: "tensor", dtype, dtypeName, shape, strides: rowMajor(shape), offset: 0, storage };
}

/** The same numbers with the axes in another order: `order[i]` is the old place of axis i. */
export function permuted(weight: Weight, order: readonly number[]): Weight {
  const pick = (sizes: readonly number[]): number[] => order.map((axis) => sizes[axis] ?? 1);
  return { ...weight, shape: pick(weight.shape), strides: pick(weight.strides) };
}

/** Entries `start` to `start + length` of the first axis. Throws a RangeError where there are none. */
export function narrowed(weight: Weight, start: number, length: number): Weight {
  const [rows = 0, ...rest] = weight.shape;
  if (!isCount(start) || !isCount(length) || start + length > rows) {
    throw new RangeError(`[${weight.shape.join(", ")}] has no rows ${start} to ${start + length}`);
  }
  return { ...weight, shape: [length, ...rest], offset: weight.offset + start * (weight.strides[0] ?? 0) };
}

/** The tensor in equal parts along the first axis. Throws a RangeError where it does not divide. */
export function chunked(weight: Weight, count: number): Weight[] {
  const rows = weight.shape[0] ?? 0;
  if (rows % count !== 0) throw new RangeError(`[${weight.shape.join(", ")}] does not divide into ${count}`);
  return Array.from({ length: count }, (_, i) => narrowed(weight, (i * rows) / count, rows / count));
}

/** Another shape for the same numbers; for tensors that lie row by row, as all do that trainers save. */
export function reshaped(weight: Weight, shape: readonly number[]): Weight {
  if (!isContiguous(weight.shape, weight.strides) || elementCount(shape) !== elementCount(weight.shape)) {
    throw new RangeError(`[${weight.shape.join(", ")}] cannot be seen as [${shape.join(", ")}]`);
  }
  return { ...weight, shape, strides: rowMajor(shape) };
}

/** Tensors one after the other along the first axis: the other way round from `chunked`. */
export function joined(weights: readonly Weight[]): Weight {
  const [first] = weights;
  const rest = first?.shape.slice(1);
  if (!first || weights.some(({ dtype, shape }) => dtype !== first.dtype || String(shape.slice(1)) !== String(rest))) {
    const shapes = weights.map(({ shape }) => `[${shape.join(", ")}]`).join(" and ");
    throw new Error(oneLine(`tensors of ${shapes} cannot be joined`));
  }
  const rows = weights.reduce((sum, { shape }) => sum + (shape[0] ?? 0), 0);
  return wholeWeight(joinedStorage(weights.map((weight) => ownStorage(weight))), [rows, ...(rest ?? [])]);
}

/** Storages of one element type, one after the other. */
export function joinedStorage(parts: readonly WeightStorage[]): WeightStorage {
  const [first] = parts;
  if (!first || parts.some(({ dtypeName }) => dtypeName !== first.dtypeName)) {
    throw new Error("parts of different element types, or no parts, cannot be joined");
  }
  const byteLength = parts.reduce((sum, part) => sum + part.byteLength, 0);
  const readInto = (target: Uint8Array, offset: number): void => {
    let start = 0;
    for (const part of parts) {
      const from = Math.max(offset, start);
      const to = Math.min(offset + target.byteLength, start + part.byteLength);
      if (from < to) part.readInto(target.subarray(from - offset, to - offset), from - start);
      start += part.byteLength;
    }
  };
  return { ...first, byteLength, readInto };
}

/** A storage that holds just one tensor's numbers, row by row. */
function ownStorage(weight: Weight): WeightStorage {
  const byteLength = checkWeight("that is to be joined", weight);
  const { dtype, dtypeName, shape, strides, offset, storage } = weight;
  const start = dtype === null ? 0 : offset * bytesPerElement(dtype);
  const readInto = (target: Uint8Array, at: number): void => {
    if (isContiguous(shape, strides)) storage.readInto(target, start + at);
    else target.set(readWeight("that is to be joined", weight).data.subarray(at, at + target.byteLength));
  };
  return { kind: "storage", dtype, dtypeName, byteLength, readInto };
}

/** A tensor in memory, as one of a file. */
export function weightOf({ dtype, shape, data }: StoredTensor): Weight {
  const readInto = (target: Uint8Array, offset: number): void =>
    target.set(data.subarray(offset, offset + target.byteLength));
  return wholeWeight({ kind: "storage", dtype, dtypeName: dtype, byteLength: data.byteLength, readInto }, shape);
}

/** Reads one tensor, row by row. `name` is for the message. Throws like `readWeightInto`. */
export function readWeight(name: string, weight: Weight): StoredTensor {
  const { dtype } = weight;
  const byteLength = checkWeight(name, weight);
  if (dtype === null) throw unknownDType(name, weight);
  const data = new Uint8Array(byteLength);
  readWeightInto(name, weight, data);
  return { dtype, shape: [...weight.shape], data };
}

/**
 * Reads one tensor, row by row, into memory of just its length.
 * Throws for an element type that this project does not hold, and for a view that reaches beyond its storage.
 */
export function readWeightInto(name: string, weight: Weight, target: Uint8Array): void {
  const byteLength = checkWeight(name, weight);
  if (weight.dtype === null) throw unknownDType(name, weight);
  if (target.byteLength !== byteLength) {
    throw new RangeError(`tensor ${name} takes ${byteLength} bytes, there is room for ${target.byteLength}`);
  }
  if (byteLength === 0) return;
  try {
    fill(target, weight, bytesPerElement(weight.dtype));
  } catch (error) {
    // Says where in the file, with names that the file chose.
    throw new Error(oneLine(messageOf(error)), { cause: error });
  }
}

function fill(target: Uint8Array, { shape, strides, offset, storage }: Weight, size: number): void {
  if (isContiguous(shape, strides)) {
    storage.readInto(target, offset * size);
    return;
  }
  const source = new Uint8Array(spanOf(shape, strides) * size);
  storage.readInto(source, offset * size);
  gather(source, target, { shape, strides, size });
}

/** Throws unless the tensor lies within its storage; gives the bytes that it takes. */
export function checkWeight(name: string, weight: Weight): number {
  const { dtype, shape, strides, offset, storage } = weight;
  if (dtype === null) throw unknownDType(name, weight);
  const byteLength = sizeOf(name, dtype, shape);
  if (byteLength === 0) return 0;
  const size = bytesPerElement(dtype);
  const span = spanOf(shape, strides);
  if (strides.length !== shape.length || !isCount(offset) || !strides.every(isCount) || !isCount(span)) {
    const view = `shape [${shape.join(", ")}], strides [${strides.slice(0, shape.length + 1).join(", ")}], at ${offset}`;
    throw damaged(name, view);
  }
  if ((offset + span) * size > storage.byteLength) {
    throw damaged(name, `it reaches to byte ${(offset + span) * size} of a storage of ${storage.byteLength}`);
  }
  if (byteLength > storage.byteLength * MAX_REPEATS + FREE_BYTES) {
    throw damaged(name, `it repeats ${storage.byteLength} bytes to ${byteLength}, which is refused as a trap`);
  }
  return byteLength;
}

function sizeOf(name: string, dtype: StoredDType, shape: readonly number[]): number {
  try {
    return byteLengthOf(dtype, shape);
  } catch (error) {
    throw damaged(name, messageOf(error));
  }
}

function damaged(name: string, why: string): Error {
  return new Error(oneLine(`tensor ${oneLine(name, MAX_NAME_CHARACTERS)} is damaged: ${why}`));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function unknownDType(name: string, { dtypeName }: Weight): Error {
  const [tensor, type] = [oneLine(name, MAX_NAME_CHARACTERS), oneLine(dtypeName, MAX_NAME_CHARACTERS)];
  return new Error(`tensor ${tensor} has the element type ${type}, which this project does not hold`);
}

/** Elements from the first to the last that the view shows. */
function spanOf(shape: readonly number[], strides: readonly number[]): number {
  return shape.reduce((sum, length, axis) => sum + (length - 1) * (strides[axis] ?? 0), 1);
}

function rowMajor(shape: readonly number[]): number[] {
  const strides: number[] = [];
  let stride = 1;
  for (const size of shape.toReversed()) {
    strides.push(stride);
    stride *= size;
  }
  return strides.toReversed();
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  if (shape.includes(0)) return true;
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
function gather(
  source: Uint8Array,
  target: Uint8Array,
  view: { shape: readonly number[]; strides: readonly number[]; size: number },
): void {
  const { size } = view;
  // Eight bytes move as two words of four: floats would lose the payload of a NaN.
  const pair = size === 8;
  const shape = pair ? [...view.shape, 2] : view.shape;
  const strides = pair ? [...view.strides.map((stride) => stride * 2), 1] : view.strides;
  const from = wordsOf(source, size);
  const to = wordsOf(target, size);
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
}

function wordsOf({ buffer, byteOffset, byteLength }: Uint8Array, size: number): Uint8Array | Uint16Array | Uint32Array {
  if (size === 1) return new Uint8Array(buffer, byteOffset, byteLength);
  if (size === 2) return new Uint16Array(buffer, byteOffset, byteLength / 2);
  return new Uint32Array(buffer, byteOffset, byteLength / 4);
}

/** Whether no number is NaN or infinite; true for whole numbers. `data` lies at a multiple of the element's size. */
export function allFinite(data: Uint8Array, dtype: StoredDType): boolean {
  const { buffer, byteOffset, byteLength } = data;
  // An exponent of all ones.
  switch (dtype) {
    case "float64": {
      const words = new Int32Array(buffer, byteOffset, byteLength / 4);
      for (let i = 1; i < words.length; i += 2) if (((words[i] ?? 0) & 0x7ff00000) === 0x7ff00000) return false;
      return true;
    }
    case "float32":
      return noneHas(new Int32Array(buffer, byteOffset, byteLength / 4), 0x7f800000);
    case "float16":
      return noneHas(new Int16Array(buffer, byteOffset, byteLength / 2), 0x7c00);
    case "bfloat16":
      return noneHas(new Int16Array(buffer, byteOffset, byteLength / 2), 0x7f80);
    case "float8_e5m2":
      return noneHas(data, 0x7c);
    case "float8_e4m3fn":
      // No infinity, and only one NaN: exponent and fraction of all ones.
      return noneHas(data, 0x7f);
    default:
      return true;
  }
}

function noneHas(words: Uint8Array | Int16Array | Int32Array, bits: number): boolean {
  for (let i = 0; i < words.length; i += 1) if (((words[i] ?? 0) & bits) === bits) return false;
  return true;
}
