import { open, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { changed, checkRange, isAddress, type ByteOptions, type ByteSource } from "./byte-source.ts";
import { openAddress } from "./http-bytes.ts";

/**
 * Opens a path or an http(s) address. Throws where there is no such file, and where the server does not send parts of
 * files. What may go away by itself is tried again.
 */
export function openBytes(location: string, options: ByteOptions = {}): Promise<ByteSource> {
  return isAddress(location) ? openAddress(location, options) : openPath(location);
}

/** Less than a picture takes as a rule, as what lies between two headers is of no interest. */
const WINDOW = 2 ** 18;

async function openPath(path: string): Promise<ByteSource> {
  const info = await stat(path).catch((error: unknown) => {
    throw new Error(`cannot read ${path}: there is no such file`, { cause: error });
  });
  if (!info.isFile())
    throw new Error(`cannot read ${path}: it is not a file${info.isDirectory() ? " but a folder" : ""}`);
  const { size, mtimeMs } = info;
  const read = async (offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> => {
    checkRange({ name: path, size }, offset, length);
    const file = await open(path);
    try {
      const now = await file.stat();
      if (now.size !== size || now.mtimeMs !== mtimeMs) throw changed(path);
      const bytes = new Uint8Array(length);
      for (let done = 0; done < length;) {
        const { bytesRead } = await file.read(bytes, done, length - done, offset + done);
        if (bytesRead === 0) throw changed(path);
        done += bytesRead;
      }
      return bytes;
    } finally {
      await file.close();
    }
  };
  return { name: path, location: resolve(path), size, version: `${size} ${mtimeMs}`, window: WINDOW, read };
}
