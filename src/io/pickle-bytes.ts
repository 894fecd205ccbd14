/** The pickle needs more bytes than there are: the file is cut short, or the window onto it is too small. */
export class TruncatedPickleError extends Error {
  override readonly name = "TruncatedPickleError";
}

const MAX_LINE_BYTES = 65_536;
// Python's int(bytes) grows quadratically; the longest honest one is the torch magic number with 10 bytes.
const MAX_LONG_BYTES = 1024;

/** Reads the numbers, texts and byte strings of a pickle in order, and never beyond its end. */
export class PickleBytes {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #position: number;

  constructor(bytes: Uint8Array, position: number) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#position = position;
  }

  get position(): number {
    return this.#position;
  }

  /** Moves on by `count` bytes and returns where they started. Throws `TruncatedPickleError` at the end. */
  skip(count: number): number {
    const start = this.#position;
    if (count > this.#bytes.byteLength - start) {
      throw new TruncatedPickleError(
        `the pickle ends at byte ${this.#bytes.byteLength}, where ${count} bytes at ${start} were expected`,
      );
    }
    this.#position = start + count;
    return start;
  }

  byte(): number {
    return this.#view.getUint8(this.skip(1));
  }

  uint32(): number {
    return this.#view.getUint32(this.skip(4), true);
  }

  /** Text up to the end of the line (protocol 0, and the names of globals). */
  line(encoding: "utf8" | "latin1" = "utf8"): string {
    const start = this.#position;
    const end = this.#bytes.subarray(start, start + MAX_LINE_BYTES).indexOf(0x0a);
    if (end >= 0) {
      this.#position = start + end + 1;
      return Buffer.from(this.#bytes.subarray(start, start + end)).toString(encoding);
    }
    if (this.#bytes.byteLength - start < MAX_LINE_BYTES) {
      throw new TruncatedPickleError(`the pickle ends at byte ${this.#bytes.byteLength}, inside a line of text`);
    }
    throw new Error(`the pickle is damaged at byte ${start}: a line is longer than ${MAX_LINE_BYTES} bytes`);
  }

  lineNumber(): number {
    const line = this.line();
    const value = Number(line);
    if (!/^-?\d+$/.test(line) || !Number.isSafeInteger(value)) throw this.#damaged(`${line} is no whole number`);
    return value;
  }

  /** The value of an operation that carries it within itself; undefined for every other operation. */
  scalar(operation: number): null | boolean | number | bigint | string | Uint8Array | undefined {
    switch (operation) {
      case 0x4e: // NONE
        return null;
      case 0x88: // NEWTRUE
        return true;
      case 0x89: // NEWFALSE
        return false;
      case 0x4b: // BININT1
        return this.byte();
      case 0x4d: // BININT2
        return this.#view.getUint16(this.skip(2), true);
      case 0x4a: // BININT
        return this.#view.getInt32(this.skip(4), true);
      case 0x47: // BINFLOAT
        return this.#view.getFloat64(this.skip(8), false);
      case 0x8a: // LONG1
        return this.#long(this.byte());
      case 0x8b: // LONG4
        return this.#long(this.uint32());
      case 0x49: // INT
        return this.#intLine();
      case 0x4c: // LONG
        return narrow(this.#bigLine());
      case 0x46: // FLOAT
        return Number(this.line());
      case 0x56: // UNICODE
      case 0x53: // STRING
        return this.#escapedLine(operation === 0x53);
      case 0x8c: // SHORT_BINUNICODE
        return this.#text(this.byte());
      case 0x58: // BINUNICODE
        return this.#text(this.uint32());
      case 0x8d: // BINUNICODE8
        return this.#text(this.#uint64());
      case 0x55: // SHORT_BINSTRING: a Python 2 str, which in checkpoints is text
        return this.#text(this.byte());
      case 0x54: // BINSTRING
        return this.#text(this.uint32());
      case 0x43: // SHORT_BINBYTES
        return this.#blob(this.byte());
      case 0x42: // BINBYTES
        return this.#blob(this.uint32());
      case 0x8e: // BINBYTES8
      case 0x96: // BYTEARRAY8
        return this.#blob(this.#uint64());
      default:
        return undefined;
    }
  }

  #uint64(): number {
    return Number(this.#view.getBigUint64(this.skip(8), true));
  }

  #text(length: number): string {
    const start = this.skip(length);
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(this.#bytes.subarray(start, start + length));
  }

  #blob(length: number): Uint8Array {
    const start = this.skip(length);
    return new Uint8Array(this.#bytes.subarray(start, start + length));
  }

  #long(length: number): number | bigint {
    if (length > MAX_LONG_BYTES) throw this.#damaged(`a whole number takes ${length} bytes`);
    const start = this.skip(length);
    let value = 0n;
    for (let index = length - 1; index >= 0; index -= 1) {
      value = (value << 8n) | BigInt(this.#view.getUint8(start + index));
    }
    return narrow(BigInt.asIntN(Math.max(length * 8, 1), value));
  }

  /** Protocol 0 writes True and False as the numbers 01 and 00. */
  #intLine(): boolean | number | bigint {
    const start = this.#position;
    const line = this.line();
    if (line === "00" || line === "01") return line === "01";
    this.#position = start;
    return narrow(this.#bigLine());
  }

  #bigLine(): bigint {
    const line = this.line().replace(/L$/, "");
    if (!/^-?\d+$/.test(line) || line.length > MAX_LONG_BYTES) throw this.#damaged("a whole number is no number");
    return BigInt(line);
  }

  /** Latin-1 with escapes: `\u….` in UNICODE (raw-unicode-escape), those of a Python literal in the quoted STRING. */
  #escapedLine(quoted: boolean): string {
    const line = this.line("latin1");
    if (!quoted) return line.replaceAll(/\\(u[0-9a-f]{4}|U000[0-9a-f]{5})/gi, (_, escape: string) => unescape(escape));
    const inner = /^(['"])(.*)\1$/.exec(line)?.[2];
    if (inner === undefined) throw this.#damaged("a text has no quotes");
    return inner.replaceAll(/\\(x[0-9a-f]{2}|.)/gi, (_, escape: string) => unescape(escape));
  }

  #damaged(why: string): Error {
    return new Error(`the pickle is damaged at byte ${this.#position}: ${why}`);
  }
}

function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function unescape(escape: string): string {
  if (escape.length > 1) return String.fromCodePoint(Number.parseInt(escape.slice(1), 16));
  const letters: Record<string, string> = { n: "\n", r: "\r", t: "\t" };
  return letters[escape] ?? escape;
}
