/** A value from a msgpack: maps are `Map`s, whole numbers beyond 2^53 are `bigint`, extensions their number and bytes. */
export type MsgpackValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | MsgpackBytes
  | MsgpackExtension
  | MsgpackValue[]
  | Map<MsgpackValue, MsgpackValue>;

/** Where bytes lie in the file: they are not read before they are wanted. */
export type MsgpackBytes = { kind: "bytes"; offset: number; length: number };
/** A value of an application's own type. */
export type MsgpackExtension = { kind: "extension"; type: number; offset: number; length: number };

/** What the reader needs of a file. */
export type MsgpackSource = { size: number; read: (offset: number, length: number) => Uint8Array };

const MAX_DEPTH = 64;
const MAX_VALUES = 1_000_000;
const MAX_STRING_BYTES = 2 ** 20;
const WINDOW_BYTES = 2 ** 16;

/**
 * Reads one value and what lies in it, from `range.offset` to exactly `range.end`. Bytes and extensions are given as
 * places, so that a file of gigabytes costs no more than its names.
 * Throws for damage, for nesting deeper than 64 and for more than a million values.
 * Format: https://github.com/msgpack/msgpack/blob/master/spec.md
 */
export function readMsgpack(source: MsgpackSource, range = { offset: 0, end: source.size }): MsgpackValue {
  const reader = new Reader(source, range);
  const value = reader.value(0);
  if (reader.position !== range.end) throw reader.damaged(`the value ends there, the data at byte ${range.end}`);
  return value;
}

class Reader {
  position: number;
  readonly #source: MsgpackSource;
  readonly #end: number;
  #values = 0;
  #window: { start: number; bytes: Uint8Array } = { start: 0, bytes: new Uint8Array() };

  constructor(source: MsgpackSource, range: { offset: number; end: number }) {
    this.#source = source;
    this.position = range.offset;
    this.#end = range.end;
  }

  value(depth: number): MsgpackValue {
    if (depth > MAX_DEPTH) throw this.damaged(`values nest deeper than ${MAX_DEPTH} levels`);
    this.#values += 1;
    if (this.#values > MAX_VALUES) throw this.damaged(`it has more than ${MAX_VALUES} values`);
    const code = this.#uint(1);
    if (code < 0x80) return code;
    if (code < 0x90) return this.#map(code & 0x0f, depth);
    if (code < 0xa0) return this.#array(code & 0x0f, depth);
    if (code < 0xc0) return this.#string(code & 0x1f);
    if (code >= 0xe0) return code - 0x100;
    switch (code) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return { kind: "bytes", ...this.#place(this.#uint(1 << (code - 0xc4))) };
      case 0xc7:
      case 0xc8:
      case 0xc9:
        return this.#extension(this.#uint(1 << (code - 0xc7)));
      case 0xca:
        return this.#view(4).getFloat32(0);
      case 0xcb:
        return this.#view(8).getFloat64(0);
      case 0xcc:
      case 0xcd:
      case 0xce:
        return this.#uint(1 << (code - 0xcc));
      case 0xcf:
        return plain(this.#view(8).getBigUint64(0));
      case 0xd0:
        return this.#view(1).getInt8(0);
      case 0xd1:
        return this.#view(2).getInt16(0);
      case 0xd2:
        return this.#view(4).getInt32(0);
      case 0xd3:
        return plain(this.#view(8).getBigInt64(0));
      case 0xd4:
      case 0xd5:
      case 0xd6:
      case 0xd7:
      case 0xd8:
        return this.#extension(1 << (code - 0xd4));
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#string(this.#uint(1 << (code - 0xd9)));
      case 0xdc:
      case 0xdd:
        return this.#array(this.#uint(2 << (code - 0xdc)), depth);
      case 0xde:
      case 0xdf:
        return this.#map(this.#uint(2 << (code - 0xde)), depth);
      default:
        throw this.damaged(`0x${code.toString(16)} begins no value`);
    }
  }

  damaged(why: string): Error {
    return new Error(`the msgpack is damaged at byte ${this.position}: ${why}`);
  }

  #map(count: number, depth: number): Map<MsgpackValue, MsgpackValue> {
    const map = new Map<MsgpackValue, MsgpackValue>();
    for (let i = 0; i < count; i += 1) {
      const key = this.value(depth + 1);
      map.set(key, this.value(depth + 1));
    }
    return map;
  }

  #array(count: number, depth: number): MsgpackValue[] {
    const values: MsgpackValue[] = [];
    for (let i = 0; i < count; i += 1) values.push(this.value(depth + 1));
    return values;
  }

  #string(length: number): string {
    if (length > MAX_STRING_BYTES) throw this.damaged(`a text of ${length} bytes`);
    return new TextDecoder().decode(this.#take(length));
  }

  #extension(length: number): MsgpackExtension {
    const type = this.#view(1).getInt8(0);
    return { kind: "extension", type, ...this.#place(length) };
  }

  #place(length: number): { offset: number; length: number } {
    const offset = this.position;
    this.#require(length);
    this.position += length;
    return { offset, length };
  }

  #require(length: number): void {
    if (this.position + length > this.#end) {
      throw this.damaged(`${length} bytes were expected, ${this.#end - this.position} are left: the file is cut short`);
    }
  }

  #uint(bytes: 1 | 2 | 4 | number): number {
    const view = this.#view(bytes);
    return bytes === 1 ? view.getUint8(0) : bytes === 2 ? view.getUint16(0) : view.getUint32(0);
  }

  #view(length: number): DataView {
    const bytes = this.#take(length);
    return new DataView(bytes.buffer, bytes.byteOffset, length);
  }

  /** The next bytes, by way of a window onto the file. */
  #take(length: number): Uint8Array {
    this.#require(length);
    const { start, bytes } = this.#window;
    let from = this.position - start;
    if (from < 0 || from + length > bytes.byteLength) {
      const size = Math.min(Math.max(length, WINDOW_BYTES), this.#end - this.position);
      this.#window = { start: this.position, bytes: this.#source.read(this.position, size) };
      from = 0;
    }
    this.position += length;
    return this.#window.bytes.subarray(from, from + length);
  }
}

function plain(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
