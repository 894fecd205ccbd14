/** Element types that the project stores and loads. Anything else in a file is refused when it is read. */
export type StoredDType =
  | "float64"
  | "float32"
  | "float16"
  | "bfloat16"
  | "int64"
  | "int32"
  | "int16"
  | "int8"
  | "uint8"
  | "bool";

/**
 * A tensor as bytes, independent of any engine: little-endian, row-major, contiguous.
 * `data` holds exactly `byteLengthOf(dtype, shape)` bytes; a scalar has the shape `[]`.
 */
export type StoredTensor = { dtype: StoredDType; shape: number[]; data: Uint8Array };

const ELEMENT_BYTES: Record<StoredDType, number> = {
  float64: 8,
  float32: 4,
  float16: 2,
  bfloat16: 2,
  int64: 8,
  int32: 4,
  int16: 2,
  int8: 1,
  uint8: 1,
  bool: 1,
};

/** All element types, for tables and checks. */
export const STORED_DTYPES: readonly StoredDType[] = [
  "float64",
  "float32",
  "float16",
  "bfloat16",
  "int64",
  "int32",
  "int16",
  "int8",
  "uint8",
  "bool",
];

/** Size of one element in bytes. */
export function bytesPerElement(dtype: StoredDType): number {
  return ELEMENT_BYTES[dtype];
}

/**
 * Number of elements of a shape: the product of its sizes, 1 for a scalar.
 * Throws for a size that is no whole number of zero or more, and for a product above 2^53.
 */
export function elementCount(shape: readonly number[]): number {
  let count = 1;
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 0) {
      throw new Error(`shape [${shape.join(", ")}] has the size ${size}; expected whole numbers of zero or more`);
    }
    count *= size;
    // A later zero cannot make an overflowing product right again: such a shape is refused as well.
    if (!Number.isSafeInteger(count)) throw new Error(`shape [${shape.join(", ")}] has more than 2^53 elements`);
  }
  return count;
}

/** Bytes that a tensor of this type and shape takes. Throws like `elementCount`. */
export function byteLengthOf(dtype: StoredDType, shape: readonly number[]): number {
  const bytes = elementCount(shape) * bytesPerElement(dtype);
  if (!Number.isSafeInteger(bytes)) throw new Error(`shape [${shape.join(", ")}] takes more than 2^53 bytes`);
  return bytes;
}

/** Throws if `data` does not have the length that `dtype` and `shape` call for. `name` is for the message. */
export function checkStoredTensor(name: string, tensor: StoredTensor): void {
  const expected = byteLengthOf(tensor.dtype, tensor.shape);
  if (tensor.data.byteLength !== expected) {
    throw new Error(
      `tensor ${name} has ${tensor.data.byteLength} bytes, ` +
        `but ${tensor.dtype} [${tensor.shape.join(", ")}] takes ${expected}`,
    );
  }
}
