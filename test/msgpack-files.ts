/** A value as the msgpack writer of these tests takes it; functions write bytes themselves. */
export type Packed =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Packed[]
  | Map<Packed, Packed>
  | (() => Buffer);

/** A code and the big-endian number after it, of `size` bytes. */
export function code(byte: number, value: number | bigint = 0, size = 0): Buffer {
  const number = Buffer.alloc(8);
  number.writeBigUInt64BE(BigInt.asUintN(64, BigInt(value)));
  return Buffer.concat([Buffer.from([byte]), number.subarray(8 - size)]);
}

/** Packs a value as Python's msgpack does, with the shortest codes. */
export function pack(value: Packed): Buffer {
  if (typeof value === "function") return value();
  if (value === null) return code(0xc0);
  if (typeof value === "boolean") return code(value ? 0xc3 : 0xc2);
  if (typeof value === "bigint") return value < 0n ? code(0xd3, value, 8) : code(0xcf, value, 8);
  if (typeof value === "number") return packNumber(value);
  if (typeof value === "string") {
    const text = Buffer.from(value);
    const head = text.byteLength < 32 ? code(0xa0 + text.byteLength) : sized([0xd9, 0xda, 0xdb], text.byteLength);
    return Buffer.concat([head, text]);
  }
  if (value instanceof Uint8Array) return Buffer.concat([sized([0xc4, 0xc5, 0xc6], value.byteLength), value]);
  if (Array.isArray(value)) {
    const head = value.length < 16 ? code(0x90 + value.length) : sized([null, 0xdc, 0xdd], value.length);
    return Buffer.concat([head, ...value.map(pack)]);
  }
  const head = value.size < 16 ? code(0x80 + value.size) : sized([null, 0xde, 0xdf], value.size);
  return Buffer.concat([head, ...[...value].flatMap(([key, item]) => [pack(key), pack(item)])]);
}

function packNumber(value: number): Buffer {
  if (!Number.isInteger(value)) {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleBE(value);
    return Buffer.concat([code(0xcb), bytes]);
  }
  if (value < 0) return value >= -32 ? code(value & 0xff) : code(0xd2, value, 4);
  return value < 128 ? code(value) : code(0xce, value, 4);
}

/** The first of the codes for 8, 16 and 32 bits that holds the number. */
function sized(codes: readonly [number | null, number, number], length: number): Buffer {
  const [small, middle, large] = codes;
  if (small !== null && length < 2 ** 8) return code(small, length, 1);
  return length < 2 ** 16 ? code(middle, length, 2) : code(large, length, 4);
}

/** An extension: its type and its bytes. */
export const extension =
  (type: number, data: Uint8Array): (() => Buffer) =>
  () =>
    Buffer.concat([sized([0xc7, 0xc8, 0xc9], data.byteLength), Buffer.from([type & 0xff]), data]);

/** An array as flax/serialization.py writes it (`_ndarray_to_bytes`). */
export const flaxArray = (shape: number[], dtype: string, data: Uint8Array): Packed =>
  extension(1, pack([shape, dtype, data]));

/** An array that flax cut into chunks (`_chunk`): its lists are dicts with the keys "0", "1" … */
export function flaxChunks(shape: number[], chunks: Packed[]): Packed {
  const list = (values: Packed[]): Packed => new Map(values.map((value, index) => [String(index), value]));
  return tree({ __msgpack_chunked_array__: true, shape: list(shape), chunks: list(chunks) });
}

export const tree = (entries: Record<string, Packed>): Packed => new Map(Object.entries(entries));
