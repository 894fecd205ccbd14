import { createHash, type Hash } from "node:crypto";
import { constants } from "node:fs";
import { open, rename, rm, type FileHandle } from "node:fs/promises";
import type { HubFile } from "./hub-api.ts";
import { explainDiskError } from "./disk-error.ts";

const READ_BYTES = 2 ** 20;

/**
 * A file that is being downloaded: its bytes on the disk and the hash of these. What an earlier, broken download left
 * is hashed first and then continued. Only the whole, verified file gets its name.
 */
export class IncompleteFile {
  readonly path: string;
  readonly #file: HubFile;
  readonly #handle: FileHandle;
  #hash: Hash;
  #done = 0;

  private constructor(path: string, file: HubFile, handle: FileHandle) {
    this.path = path;
    this.#file = file;
    this.#handle = handle;
    this.#hash = startHash(file);
  }

  /** Opens `path`, which may exist, and hashes what is in it. The caller closes it. */
  static async open(path: string, file: HubFile, signal?: AbortSignal): Promise<IncompleteFile> {
    try {
      const incomplete = new IncompleteFile(path, file, await open(path, constants.O_RDWR | constants.O_CREAT, 0o666));
      try {
        await incomplete.#readExisting(signal);
      } catch (error) {
        await incomplete.close();
        throw error;
      }
      return incomplete;
    } catch (error) {
      throw explainDiskError(path, error);
    }
  }

  /** How many bytes are there. */
  get done(): number {
    return this.#done;
  }

  /** Adds bytes at the end. Throws, with what is there kept, if the disk is full. */
  async write(bytes: Uint8Array): Promise<void> {
    try {
      let written = 0;
      while (written < bytes.byteLength) {
        // At a place of our own: whoever else writes into this file, writes the same bytes there.
        const left = bytes.byteLength - written;
        const { bytesWritten } = await this.#handle.write(bytes, written, left, this.#done + written);
        written += bytesWritten;
      }
    } catch (error) {
      throw explainDiskError(this.path, error);
    }
    this.#hash.update(bytes);
    this.#done += bytes.byteLength;
  }

  /** Forgets what is there. */
  async restart(): Promise<void> {
    if (this.#done > 0) await this.#handle.truncate(0);
    this.#hash = startHash(this.#file);
    this.#done = 0;
  }

  /** Checks size and hash, and moves the file to its name. If it is another file than expected, it is removed. */
  async finish(destination: string): Promise<void> {
    const { size } = await this.#handle.stat();
    const hash = this.#hash.digest("hex");
    if (size !== this.#file.size || hash !== this.#file.hash) {
      const found = size === this.#file.size ? `its hash is ${hash}` : `it has ${size} bytes`;
      await this.refuse(`${found}, expected ${size === this.#file.size ? this.#file.hash : this.#file.size}`);
    }
    try {
      await this.#handle.sync();
      await this.close();
      await rename(this.path, destination);
    } catch (error) {
      throw explainDiskError(destination, error);
    }
  }

  /** Removes the file and throws the reason. */
  async refuse(reason: string): Promise<never> {
    await this.close();
    await rm(this.path, { force: true });
    throw new Error(`the server sent another ${this.#file.path} than it announced: ${reason}; run the command again`);
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  async #readExisting(signal: AbortSignal | undefined): Promise<void> {
    const { size } = await this.#handle.stat();
    if (size > this.#file.size) {
      await this.#handle.truncate(0);
      return;
    }
    const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, size));
    while (this.#done < size) {
      signal?.throwIfAborted();
      const { bytesRead } = await this.#handle.read(buffer, 0, Math.min(buffer.length, size - this.#done), this.#done);
      if (bytesRead === 0) break;
      this.#hash.update(buffer.subarray(0, bytesRead));
      this.#done += bytesRead;
    }
  }
}

function startHash({ algorithm, size }: HubFile): Hash {
  return algorithm === "sha256" ? createHash("sha256") : createHash("sha1").update(`blob ${size}\0`);
}
