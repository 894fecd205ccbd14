import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";

// read(2) moves at most 2 GiB a call.
const CHUNK_BYTES = 2 ** 30;

/** Exactly `length` bytes at `offset` of an open file, in memory of their own. Throws like `readAtInto`. */
export function readAt(fd: number, path: string, range: { offset: number; length: number }): Uint8Array {
  const bytes = new Uint8Array(range.length);
  readAtInto(fd, path, { target: bytes, offset: range.offset });
  return bytes;
}

/** Fills the target with the bytes from `offset` of an open file on. `path` is for the message. Throws if the file ends before. */
function readAtInto(fd: number, path: string, { target, offset }: { target: Uint8Array; offset: number }): void {
  let done = 0;
  while (done < target.byteLength) {
    const chunk = Math.min(target.byteLength - done, CHUNK_BYTES);
    const count = readSync(fd, target, done, chunk, offset + done);
    if (count === 0) {
      throw new Error(
        `${path} ends at byte ${offset + done}, but ${target.byteLength} bytes at ${offset} were expected: ` +
          `the file is cut short; copy or download it again`,
      );
    }
    done += count;
  }
}

/** Opens a regular file for reading. Throws for folders, pipes and devices, which would block or never end. */
export function openRegularFile(path: string): { fd: number; size: number } {
  const status = statSync(path, { throwIfNoEntry: false });
  if (status === undefined) throw new Error(`${path} does not exist`);
  if (!status.isFile()) throw new Error(`${path} is not a file${status.isDirectory() ? " but a folder" : ""}`);
  const fd = openSync(path, "r");
  return { fd, size: fstatSync(fd).size };
}

/**
 * A file whose ranges are read when they are wanted. Holds no file handle between reads, so it never needs closing;
 * a file that was changed since is refused, as what was learned about it no longer holds.
 */
export class FileBytes {
  readonly path: string;
  readonly size: number;
  readonly #modified: number;

  constructor(path: string) {
    const { fd, size } = openRegularFile(path);
    try {
      this.path = path;
      this.size = size;
      this.#modified = fstatSync(fd).mtimeMs;
    } finally {
      closeSync(fd);
    }
  }

  /** Exactly `length` bytes at `offset`, in memory of their own. Throws if the file ends before or was changed. */
  read(offset: number, length: number): Uint8Array {
    this.#check(offset, length);
    const bytes = new Uint8Array(length);
    this.readInto(bytes, offset);
    return bytes;
  }

  /** Fills the target with the bytes from `offset` on. Throws if the file ends before or was changed. */
  readInto(target: Uint8Array, offset: number): void {
    this.#check(offset, target.byteLength);
    const { fd, size } = openRegularFile(this.path);
    try {
      if (size !== this.size || fstatSync(fd).mtimeMs !== this.#modified) {
        throw new Error(`${this.path} was changed while it was being read; read it again from the start`);
      }
      readAtInto(fd, this.path, { target, offset });
    } finally {
      closeSync(fd);
    }
  }

  /** Before memory is taken: a length may come from a damaged file. */
  #check(offset: number, length: number): void {
    if (offset >= 0 && length >= 0 && offset + length <= this.size) return;
    throw new Error(
      `${this.path} has ${this.size} bytes, but ${length} bytes at ${offset} were expected: ` +
        `the file is cut short or damaged; copy or download it again`,
    );
  }
}
