/** One field of a protocol buffer message, encoded. Field types: https://protobuf.dev/programming-guides/encoding/ */
export type ProtobufField = Uint8Array;

/** A 64-bit float field. */
export function doubleField(field: number, value: number): ProtobufField {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return Buffer.concat([tag(field, 1), bytes]);
}

/** A 32-bit float field. */
export function floatField(field: number, value: number): ProtobufField {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return Buffer.concat([tag(field, 5), bytes]);
}

/** A whole number of zero or more. */
export function intField(field: number, value: number): ProtobufField {
  return Buffer.concat([tag(field, 0), varint(value)]);
}

/** A string (UTF-8), bytes, or a message given by its fields. */
export function bytesField(field: number, value: string | Uint8Array | ProtobufField[]): ProtobufField {
  const bytes = Array.isArray(value) ? Buffer.concat(value) : Buffer.from(value);
  return Buffer.concat([tag(field, 2), varint(bytes.byteLength), bytes]);
}

function tag(field: number, wireType: number): Uint8Array {
  return varint(field * 8 + wireType);
}

function varint(value: number): Uint8Array {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new Error(`${value} cannot be written; expected a whole number of zero or more`);
  }
  const bytes: number[] = [];
  let rest = value;
  // Division, as shifts would cut the number to 32 bits.
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) + 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
  return Uint8Array.from(bytes);
}
