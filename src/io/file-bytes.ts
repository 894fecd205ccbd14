import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";

// read(2) moves at most 2 GiB a call.
const CHUNK_BYTES = 2 ** 30;

/**
 * Exactly `length` bytes at `offset` of an open file, in memory of their own (so any typed array can view them).
 * `path` is for the message. Throws if the file ends before.
 */
export function readAt(fd: number, path: string, range: { offset: number; length: number }): Uint8Array {
  const bytes = new Uint8Array(range.length);
  let done = 0;
  while (done < range.length) {
    const chunk = Math.min(range.length - done, CHUNK_BYTES);
    const count = readSync(fd, bytes, done, chunk, range.offset + done);
    if (count === 0) {
      throw new Error(
        `${path} ends at byte ${range.offset + done}, but ${range.length} bytes at ${range.offset} were expected: ` +
          `the file is cut short; copy or download it again`,
      );
    }
    done += count;
  }
  return bytes;
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

  /** Exactly `length` bytes at `offset`. Throws if the file ends before or was changed. */
  read(offset: number, length: number): Uint8Array {
    if (offset < 0 || length < 0 || offset + length > this.size) {
      throw new Error(
        `${this.path} has ${this.size} bytes, but ${length} bytes at ${offset} were expected: ` +
          `the file is cut short or damaged; copy or download it again`,
      );
    }
    const { fd, size } = openRegularFile(this.path);
    try {
      if (size !== this.size || fstatSync(fd).mtimeMs !== this.#modified) {
        throw new Error(`${this.path} was changed while it was being read; read it again from the start`);
      }
      return readAt(fd, this.path, { offset, length });
    } finally {
      closeSync(fd);
    }
  }
}
