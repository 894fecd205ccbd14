/**
 * Tar archives: ustar, GNU's long names and pax (POSIX.1-2017, "pax", and GNU tar's manual, "Basic Tar Format"). Members are
 * data: their names are never used as paths, so that none can lead anywhere.
 */

import { oneLine } from "../../io/read-error.ts";
import type { ByteSource } from "./byte-source.ts";

/** A file in an archive. */
export type TarMember = {
  /** As the archive has it, with whatever is in it; `oneLine` makes it fit for people. */
  name: string;
  /** Where its bytes begin in the archive, a multiple of 512. */
  offset: number;
  size: number;
};

/** Everything in an archive begins at a multiple of this. */
export const TAR_BLOCK = 512;

/** A name of a megabyte is none. */
const MAX_EXTRA = 2 ** 20;

/**
 * The files in an archive, in order. Folders, links and devices are passed over. Throws, with the archive's name and the
 * byte, where it is no archive, damaged, or cut short: one that ends without its mark of the end is taken for that.
 */
export async function* tarMembers(source: ByteSource): AsyncGenerator<TarMember> {
  const bytesAt = windowOn(source);
  const common: Extra = {};
  let own: Extra = {};
  let offset = 0;
  for (;;) {
    if (offset + TAR_BLOCK > source.size) throw cutShort(source, offset);
    const block = await bytesAt(offset, TAR_BLOCK);
    if (block.every((byte) => byte === 0)) return;
    const header = readHeader(block, { source, offset });
    const start = offset + TAR_BLOCK;
    const isExtra = EXTRAS.has(header.type);
    // Old archives give links the size of what they lead to, and no bytes (as Python's tarfile has it).
    const size = isExtra ? header.size : WITHOUT_BYTES.has(header.type) ? 0 : (own.size ?? common.size ?? header.size);
    if (start + size > source.size) throw cutShort(source, start);
    if (isExtra) {
      if (size > MAX_EXTRA) throw damaged(source, offset, `a name or extension of ${size} bytes`);
      readExtra(header.type, await bytesAt(start, size), { own, common, where: { source, offset } });
    } else {
      const name = own.name ?? common.name ?? header.name;
      if (header.type === "S")
        throw damaged(source, offset, `the sparse file ${oneLine(name)}, which is not read here`);
      if (FILES.has(header.type)) yield { name, offset: start, size };
      own = {};
    }
    offset = start + Math.ceil(size / TAR_BLOCK) * TAR_BLOCK;
  }
}

/** What an extension says of the next member, or of all that follow. */
type Extra = { name?: string; size?: number };

type Place = { source: ByteSource; offset: number };

// Old archives have a zero byte for plain files, and "7" is a file that wants to lie in one piece.
const FILES = new Set(["0", "\0", "7"]);
const WITHOUT_BYTES = new Set(["1", "2", "3", "4", "5", "6"]);
// GNU's long names of files and of what links lead to, pax for the next member and for all.
const EXTRAS = new Set(["L", "K", "x", "g"]);

/** Parts of a source that is read from front to back. */
function windowOn(source: ByteSource): (offset: number, length: number) => Promise<Uint8Array> {
  let [from, held] = [0, new Uint8Array()];
  return async (offset, length) => {
    if (offset < from || offset + length > from + held.length) {
      held = await source.read(offset, Math.min(source.size - offset, Math.max(length, source.window)));
      from = offset;
    }
    return held.subarray(offset - from, offset - from + length);
  };
}

function readHeader(block: Uint8Array, where: Place): { name: string; size: number; type: string } {
  checkSum(block, where);
  const type = String.fromCharCode(block[156] ?? 0);
  const name = textOf(block.subarray(0, 100));
  // GNU's own format has other things where ustar has the front of a long path.
  const isUstar = textOf(block.subarray(257, 263)) === "ustar" && block[262] === 0;
  const prefix = isUstar ? textOf(block.subarray(345, 500)) : "";
  return { name: prefix === "" ? name : `${prefix}/${name}`, size: sizeOf(block.subarray(124, 136), where), type };
}

/** The sum of the header's bytes, its own counted as spaces. Some old programs took bytes for signed. */
function checkSum(block: Uint8Array, { source, offset }: Place): void {
  const expected = Number.parseInt(textOf(block.subarray(148, 156)).trim(), 8);
  let [unsigned, signed] = [0, 0];
  for (let i = 0; i < TAR_BLOCK; i += 1) {
    const byte = i >= 148 && i < 156 ? 32 : (block[i] ?? 0);
    unsigned += byte;
    signed += byte > 127 ? byte - 256 : byte;
  }
  if (expected === unsigned || expected === signed) return;
  if (offset > 0) throw damaged(source, offset, "no header of a member");
  const isGzip = block[0] === 0x1f && block[1] === 0x8b;
  throw new Error(`${source.name} is no tar archive${isGzip ? ": it is compressed; unpack it with gunzip" : ""}`);
}

/** Octal digits, or, from 8 GiB on, a number to the base of 256 after a byte of 0x80. */
function sizeOf(field: Uint8Array, { source, offset }: Place): number {
  const isBinary = ((field[0] ?? 0) & 0x80) !== 0;
  const digits = textOf(field).trim();
  const size = isBinary
    ? field.reduce((sum, byte, i) => (i === 0 ? byte & 0x7f : sum * 256 + byte), 0)
    : /^[0-7]*$/.test(digits)
      ? Number.parseInt(digits || "0", 8)
      : Number.NaN;
  if (Number.isSafeInteger(size)) return size;
  throw damaged(source, offset, "a member without a size");
}

function readExtra(
  type: string,
  bytes: Uint8Array,
  { own, common, where }: { own: Extra; common: Extra; where: Place },
): void {
  if (type === "L") own.name = textOf(bytes);
  if (type !== "x" && type !== "g") return;
  const extra = type === "x" ? own : common;
  for (const [key, value] of paxRecords(bytes, where)) {
    if (key === "path") extra.name = value;
    if (key !== "size") continue;
    extra.size = Number(value);
    if (!/^\d+$/.test(value) || !Number.isSafeInteger(extra.size)) {
      throw damaged(where.source, where.offset, "a member without a size");
    }
  }
}

/** `18 path=a name.png⏎`: the length of the whole record, in bytes, in front. */
function* paxRecords(bytes: Uint8Array, { source, offset }: Place): Generator<[key: string, value: string]> {
  for (let at = 0; at < bytes.length && bytes[at] !== 0;) {
    const space = bytes.indexOf(32, at);
    const digits = textOf(bytes.subarray(at, Math.max(at, space)));
    const end = at + Number(digits);
    const equals = bytes.indexOf(61, space);
    if (!/^[1-9]\d{0,6}$/.test(digits) || end > bytes.length || equals < 0 || equals >= end || bytes[end - 1] !== 10) {
      throw damaged(source, offset, "a malformed pax extension");
    }
    yield [decode(bytes.subarray(space + 1, equals)), decode(bytes.subarray(equals + 1, end - 1))];
    at = end;
  }
}

/** Up to the first zero byte. */
function textOf(field: Uint8Array): string {
  const end = field.indexOf(0);
  return decode(end < 0 ? field : field.subarray(0, end));
}

const utf8 = new TextDecoder();

function decode(bytes: Uint8Array): string {
  return utf8.decode(bytes);
}

function cutShort({ name, size }: ByteSource, offset: number): Error {
  return new Error(
    `${name} is cut short: what begins at byte ${offset} is not whole, as the file ends at byte ${size}; ` +
      "copy or download it again",
  );
}

function damaged({ name }: ByteSource, offset: number, what: string): Error {
  return new Error(`${name} is damaged or of an unknown kind: ${what} at byte ${offset}`);
}
