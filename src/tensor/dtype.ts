/** Element types of tensors; the names are PyTorch's. */
export type DType =
  | "float32"
  | "float64"
  | "float16"
  | "bfloat16"
  | "int64"
  | "int32"
  | "int16"
  | "int8"
  | "uint8"
  | "bool";

export type MemoryFormat = "contiguous_format" | "channels_last" | "preserve_format";
export type Reduction = "none" | "mean" | "sum";

/** What `Tensor.from` takes. A `Uint16Array` holds the raw bits of float16 or bfloat16. */
export type TensorData =
  | Float32Array
  | Float64Array
  | BigInt64Array
  | Int32Array
  | Int16Array
  | Int8Array
  | Uint8Array
  | Uint16Array
  | readonly number[]
  | readonly boolean[];

/** What `toArray` gives: float16 and bfloat16 are widened to float32, bool is 0 and 1. */
export type TypedArray = Float32Array | Float64Array | BigInt64Array | Int32Array | Int16Array | Int8Array | Uint8Array;

const DTYPES: ReadonlySet<string> = new Set<DType>([
  "float32",
  "float64",
  "float16",
  "bfloat16",
  "int64",
  "int32",
  "int16",
  "int8",
  "uint8",
  "bool",
]);

export function isDType(name: string): name is DType {
  return DTYPES.has(name);
}

export function isFloatingPoint(dtype: DType): boolean {
  return dtype.startsWith("float") || dtype === "bfloat16";
}

/** The dtype that a typed array has by itself; numbers are float32, as in PyTorch. */
export function dtypeOf(data: TensorData): DType {
  if (data instanceof Float32Array) return "float32";
  if (data instanceof Float64Array) return "float64";
  if (data instanceof BigInt64Array) return "int64";
  if (data instanceof Int32Array) return "int32";
  if (data instanceof Int16Array) return "int16";
  if (data instanceof Int8Array) return "int8";
  if (data instanceof Uint8Array) return "uint8";
  if (data instanceof Uint16Array) throw new TypeError("a Uint16Array holds raw bits: say which, float16 or bfloat16");
  return typeof data[0] === "boolean" ? "bool" : "float32";
}

/** The data as bytes, in the dtype nearest to the wanted one that JavaScript can write. */
export function toBytes(data: TensorData, dtype: DType): { bytes: Uint8Array; dtype: DType } {
  if (data instanceof Uint16Array) {
    if (dtype !== "float16" && dtype !== "bfloat16") {
      throw new TypeError(`a Uint16Array holds float16 or bfloat16 bits, not ${dtype}`);
    }
    return { bytes: view(data), dtype };
  }
  if (ArrayBuffer.isView(data)) return { bytes: view(data), dtype: dtypeOf(data) };
  if (dtype === "int64") {
    return { bytes: view(BigInt64Array.from(Array.from(data, Number), BigInt)), dtype };
  }
  if (dtype === "int32") return { bytes: view(Int32Array.from(data, Number)), dtype };
  if (dtype === "uint8" || dtype === "bool") return { bytes: Uint8Array.from(data, Number), dtype };
  if (dtype === "float64") return { bytes: view(Float64Array.from(data, Number)), dtype };
  return { bytes: view(Float32Array.from(data, Number)), dtype: "float32" };
}

/** The bytes of a tensor as the typed array of its dtype; 16-bit floats have to be widened before. */
export function fromBytes(buffer: ArrayBuffer, dtype: DType): TypedArray {
  switch (dtype) {
    case "float32":
      return new Float32Array(buffer);
    case "float64":
      return new Float64Array(buffer);
    case "int64":
      return new BigInt64Array(buffer);
    case "int32":
      return new Int32Array(buffer);
    case "int16":
      return new Int16Array(buffer);
    case "int8":
      return new Int8Array(buffer);
    case "uint8":
    case "bool":
      return new Uint8Array(buffer);
    case "float16":
    case "bfloat16":
      throw new TypeError(`${dtype} has no typed array; convert the tensor to float32 first`);
  }
}

function view(data: ArrayBufferView): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
