/** Element types that networks are made of, and that the project writes. */
export type PlainDType =
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

/** Element types that files have. Those beyond the plain ones are widened when they are used (`toPlain`). */
export type StoredDType = PlainDType | "uint64" | "uint32" | "uint16" | "float8_e4m3fn" | "float8_e5m2";

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
  uint64: 8,
  uint32: 4,
  uint16: 2,
  float8_e4m3fn: 1,
  float8_e5m2: 1,
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
  "uint64",
  "uint32",
  "uint16",
  "float8_e4m3fn",
  "float8_e5m2",
];

// What numpy and torch allow.
const MAX_AXES = 64;

/** Size of one element in bytes. */
export function bytesPerElement(dtype: StoredDType): number {
  return ELEMENT_BYTES[dtype];
}

/**
 * Number of elements of a shape: the product of its sizes, 1 for a scalar.
 * Throws for a size that is no whole number of zero or more, for a product above 2^53, and for more than 64 axes.
 */
export function elementCount(shape: readonly number[]): number {
  if (shape.length > MAX_AXES) throw new Error(`a shape of ${shape.length} axes; at most ${MAX_AXES} are known`);
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

/** The plain type that holds every value of an element type (of uint64: those below 2^63). */
export function plainDType(dtype: StoredDType): PlainDType {
  if (dtype === "uint64" || dtype === "uint32") return "int64";
  if (dtype === "uint16") return "int32";
  return dtype === "float8_e4m3fn" || dtype === "float8_e5m2" ? "float32" : dtype;
}

/** The same values in a plain type; the tensor itself where it has one. Throws for a uint64 of 2^63 and more. */
export function toPlain(tensor: StoredTensor): StoredTensor & { dtype: PlainDType } {
  const { dtype, shape, data } = tensor;
  switch (dtype) {
    case "uint64": {
      const values = new BigInt64Array(aligned(data));
      if (values.some((value) => value < 0n)) throw new Error("a uint64 of 2^63 or more does not fit into an int64");
      return { dtype: "int64", shape, data: bytesOf(values) };
    }
    case "uint32":
      return { dtype: "int64", shape, data: bytesOf(BigInt64Array.from(new Uint32Array(aligned(data)), BigInt)) };
    case "uint16":
      return { dtype: "int32", shape, data: bytesOf(Int32Array.from(new Uint16Array(aligned(data)))) };
    case "float8_e4m3fn":
    case "float8_e5m2": {
      const table = Float32Array.from({ length: 256 }, (_, bits) => decodeFloat8(bits, dtype));
      return { dtype: "float32", shape, data: bytesOf(Float32Array.from(data, (bits) => table[bits] ?? 0)) };
    }
    default:
      return { dtype, shape, data };
  }
}

/** One byte as a number (Micikevicius et al., arXiv 2209.05433): sign, exponent, fraction. e4m3fn has no infinity. */
function decodeFloat8(bits: number, dtype: "float8_e4m3fn" | "float8_e5m2"): number {
  const [fractionBits, bias] = dtype === "float8_e4m3fn" ? [3, 7] : [2, 15];
  const sign = bits & 0x80 ? -1 : 1;
  const exponent = (bits & 0x7f) >> fractionBits;
  const fraction = (bits & ((1 << fractionBits) - 1)) / (1 << fractionBits);
  if (dtype === "float8_e4m3fn" && (bits & 0x7f) === 0x7f) return Number.NaN;
  if (dtype === "float8_e5m2" && exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (exponent === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (exponent - bias));
}

/** The bytes at the start of a buffer, where typed arrays of wider elements can view them. */
function aligned(data: Uint8Array): ArrayBuffer {
  return new Uint8Array(data).buffer;
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
