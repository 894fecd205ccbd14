import { inflateRawSync } from "node:zlib";
import { crc32 } from "./crc.ts";
import { FileBytes } from "./file-bytes.ts";

/** One file in the archive. `size` is its size unpacked. */
export type ZipEntry = {
  name: string;
  size: number;
  packedSize: number;
  method: "stored" | "deflated";
  crc: number;
  headerOffset: number;
  /** The name's length in the file; what it decodes to may have another. */
  nameLength: number;
  /** Where the next entry, or the table of contents, begins. */
  limit: number;
};

const END_BYTES = 22;
const MAX_COMMENT_BYTES = 65535;
const MAX_DIRECTORY_BYTES = 2 ** 28;
// Deflate cannot pack better than 1032:1 (zlib's technical details), so a larger claim is a trap.
const MAX_DEFLATE_RATIO = 1032;

/**
 * Reads zip archives (also zip64), stored or deflated, by the table of contents at their end.
 * Entries are read by their place in the file when they are wanted; nothing is ever unpacked to disk.
 * Format: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
 */
export class ZipArchive {
  readonly path: string;
  /** By name, in the order of the table of contents. */
  readonly entries: Map<string, ZipEntry>;
  readonly #file: FileBytes;
  readonly #dataOffsets: Map<string, number> = new Map();

  /** Throws if the file is no zip archive, cut short or damaged. */
  constructor(path: string) {
    this.path = path;
    this.#file = new FileBytes(path);
    this.entries = readDirectory(this.#file);
  }

  /** A whole entry, its checksum verified. Throws for entries larger than `maxBytes`. */
  read(name: string, maxBytes: number): Uint8Array {
    const entry = this.#entry(name);
    if (entry.size > maxBytes) {
      throw new Error(`${name} in ${this.path} has ${entry.size} bytes, more than the ${maxBytes} that are accepted`);
    }
    const bytes = new Uint8Array(entry.size);
    this.readInto(name, bytes, 0);
    if (crc32(bytes) !== entry.crc) {
      throw new Error(`${name} in ${this.path} is damaged: its checksum is wrong; copy or download the file again`);
    }
    return bytes;
  }

  /** Fills the target with an entry's bytes from `offset` on, without its checksum. A stored entry costs no more than that. */
  readInto(name: string, target: Uint8Array, offset: number): void {
    const entry = this.#entry(name);
    const length = target.byteLength;
    if (offset < 0 || offset + length > entry.size) {
      throw new Error(`${name} in ${this.path} has ${entry.size} bytes, but ${length} at ${offset} were expected`);
    }
    const start = this.#dataOffset(entry);
    if (entry.method === "stored") {
      this.#file.readInto(target, start + offset);
      return;
    }
    const packed = this.#file.read(start, entry.packedSize);
    try {
      const unpacked = inflateRawSync(packed, { maxOutputLength: Math.max(entry.size, 1) });
      if (unpacked.byteLength !== entry.size) throw new Error(`unpacked to ${unpacked.byteLength} bytes`);
      target.set(unpacked.subarray(offset, offset + length));
    } catch (error) {
      throw new Error(`${name} in ${this.path} is damaged: it does not unpack to its ${entry.size} bytes`, {
        cause: error,
      });
    }
  }

  #entry(name: string): ZipEntry {
    const entry = this.entries.get(name);
    if (entry === undefined) throw new Error(`${this.path} has no entry ${name}`);
    return entry;
  }

  /** The local header repeats name and extra field in lengths of its own, so only it tells where the data starts. */
  #dataOffset(entry: ZipEntry): number {
    const known = this.#dataOffsets.get(entry.name);
    if (known !== undefined) return known;
    const header = viewOf(this.#file.read(entry.headerOffset, 30));
    if (header.getUint32(0, true) !== 0x04034b50) {
      throw new Error(`${entry.name} in ${this.path} is damaged: there is no entry at byte ${entry.headerOffset}`);
    }
    const start = entry.headerOffset + 30 + header.getUint16(26, true) + header.getUint16(28, true);
    if (start + entry.packedSize > entry.limit) {
      throw new Error(`${entry.name} in ${this.path} is damaged: it reaches into what follows it at ${entry.limit}`);
    }
    this.#dataOffsets.set(entry.name, start);
    return start;
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function readUint64(view: DataView, offset: number): number {
  return Number(view.getBigUint64(offset, true));
}

type Directory = { offset: number; length: number; count: number };

function readDirectory(file: FileBytes): Map<string, ZipEntry> {
  const { offset, length, count } = findDirectory(file);
  if (length > MAX_DIRECTORY_BYTES || offset + length > file.size) {
    throw new Error(`${file.path} is damaged: its table of contents cannot have ${length} bytes at ${offset}`);
  }
  const bytes = file.read(offset, length);
  const view = viewOf(bytes);
  const entries = new Map<string, ZipEntry>();
  let position = 0;
  try {
    for (let index = 0; index < count; index += 1) {
      if (view.getUint32(position, true) !== 0x02014b50) throw new Error(`entry ${index} has no header`);
      const next = position + 46 + [28, 30, 32].reduce((sum, at) => sum + view.getUint16(position + at, true), 0);
      const entry = readEntry(bytes.subarray(position, next));
      if (entries.has(entry.name)) throw new Error(`${entry.name} is there twice`);
      entries.set(entry.name, entry);
      position = next;
    }
    setLimits([...entries.values()], offset);
  } catch (error) {
    throw new Error(`${file.path} is damaged: its table of contents cannot be read (${messageOf(error)})`, {
      cause: error,
    });
  }
  return entries;
}

/** Refuses entries that overlap: a small file could name the same bytes a thousand times. */
function setLimits(entries: ZipEntry[], directoryOffset: number): void {
  const inOrder = entries.toSorted((a, b) => a.headerOffset - b.headerOffset);
  for (const [index, entry] of inOrder.entries()) {
    entry.limit = inOrder[index + 1]?.headerOffset ?? directoryOffset;
    // The local header's extra field comes on top; only the header itself tells its length.
    if (entry.headerOffset + 30 + entry.nameLength + entry.packedSize > entry.limit) {
      throw new Error(`${entry.name} reaches into what follows it at byte ${entry.limit}`);
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function findDirectory(file: FileBytes): Directory {
  const tailLength = Math.min(file.size, END_BYTES + MAX_COMMENT_BYTES);
  const tailOffset = file.size - tailLength;
  const tail = viewOf(file.read(tailOffset, tailLength));
  for (let at = tailLength - END_BYTES; at >= 0; at -= 1) {
    if (tail.getUint32(at, true) !== 0x06054b50) continue;
    if (at + END_BYTES + tail.getUint16(at + 20, true) !== tailLength) continue;
    const directory = {
      count: tail.getUint16(at + 10, true),
      length: tail.getUint32(at + 12, true),
      offset: tail.getUint32(at + 16, true),
    };
    const overflows = directory.count === 0xffff || directory.length === 0xffffffff || directory.offset === 0xffffffff;
    if (!overflows) return directory;
    if (at < 20 || tail.getUint32(at - 20, true) !== 0x07064b50) return directory;
    const end = viewOf(file.read(readUint64(tail, at - 20 + 8), 56));
    if (end.getUint32(0, true) !== 0x06064b50) break;
    return { count: readUint64(end, 32), length: readUint64(end, 40), offset: readUint64(end, 48) };
  }
  throw new Error(
    `${file.path} starts like a zip archive, but its table of contents at the end is missing: ` +
      `the file is cut short; copy or download it again`,
  );
}

function readEntry(header: Uint8Array): ZipEntry {
  const view = viewOf(header);
  const nameLength = view.getUint16(28, true);
  const extraLength = view.getUint16(30, true);
  const name = new TextDecoder().decode(header.subarray(46, 46 + nameLength));
  if ((view.getUint16(8, true) & 1) !== 0) throw new Error(`${name} is encrypted`);
  const methodNumber = view.getUint16(10, true);
  if (methodNumber !== 0 && methodNumber !== 8) throw new Error(`${name} is packed in the unknown way ${methodNumber}`);
  const method = methodNumber === 0 ? "stored" : "deflated";
  const extra = viewOf(header.subarray(46 + nameLength, 46 + nameLength + extraLength));
  const [size, packedSize, headerOffset] = widen(extra, [
    view.getUint32(24, true),
    view.getUint32(20, true),
    view.getUint32(42, true),
  ]);
  if (method === "stored" && size !== packedSize) throw new Error(`${name} is stored, but its two sizes differ`);
  if (method === "deflated" && size > packedSize * MAX_DEFLATE_RATIO) {
    throw new Error(`${name} claims to unpack from ${packedSize} to ${size} bytes`);
  }
  // Which entry follows is not known yet.
  return { name, size, packedSize, method, crc: view.getUint32(16, true), headerOffset, nameLength, limit: Infinity };
}

/** Replaces each value that is all ones by the next 64-bit number of the zip64 extra field. */
function widen(extra: DataView, values: [number, number, number]): [number, number, number] {
  if (!values.includes(0xffffffff)) return values;
  let at = 0;
  while (at + 4 <= extra.byteLength && extra.getUint16(at, true) !== 1) at += 4 + extra.getUint16(at + 2, true);
  if (at + 4 > extra.byteLength) return values;
  at += 4;
  const next = (value: number): number => {
    if (value !== 0xffffffff) return value;
    at += 8;
    return readUint64(extra, at - 8);
  };
  return [next(values[0]), next(values[1]), next(values[2])];
}
