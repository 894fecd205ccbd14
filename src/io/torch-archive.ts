import { FileBytes } from "./file-bytes.ts";
import { readPickle } from "./pickle.ts";
import { readLegacyTorchFile } from "./torch-legacy.ts";
import { readError } from "./read-error.ts";
import { parseStorageId, torchHooks, type TorchValue } from "./torch-pickle.ts";
import type { WeightStorage } from "./weight.ts";
import { ZipArchive } from "./zip.ts";

// The pickle holds names and shapes only. The largest checkpoints known have a few megabytes of it.
const MAX_PICKLE_BYTES = 2 ** 28;

/**
 * Reads what `torch.save` or `torch.jit.save` wrote: zip archives, TorchScript archives (their weights; the code is
 * ignored) and the format from before torch 1.6. Plain values, tensors and names are understood, any other class
 * becomes an inert record; nothing that the file says is imported or run.
 * Tensors are not read yet: `readWeight` does that from the same path, which must not change.
 * Throws for files that are cut short, damaged, or of another format.
 */
export function readTorchArchive(path: string): TorchValue {
  const file = new FileBytes(path);
  const head = file.read(0, Math.min(file.size, 64));
  const text = new TextDecoder("latin1").decode(head);
  try {
    if (text.startsWith("PK\u0003\u0004")) return readZip(path);
    if (head[0] === 0x80) return readLegacyTorchFile(file);
  } catch (error) {
    throw readError(path, error);
  }
  throw new Error(`${path} is not a torch file: ${guessFormat(text)}`);
}

function readZip(path: string): TorchValue {
  const archive = new ZipArchive(path);
  const pickleName = [...archive.entries.keys()].find((name) => /^([^/]+\/)?data\.pkl$/.test(name));
  if (pickleName === undefined) {
    throw new Error(`${path} is a zip archive, but not from torch: it has no data.pkl`);
  }
  const prefix = pickleName.slice(0, -"data.pkl".length);
  if (archive.entries.has(`${prefix}byteorder`)) {
    const order = new TextDecoder().decode(archive.read(`${prefix}byteorder`, 64)).trim();
    if (order !== "little") throw new Error(`${path} has the byte order ${order}; save it on a little-endian machine`);
  }
  const storages = new Map<string, WeightStorage>();
  const { value } = readPickle(archive.read(pickleName, MAX_PICKLE_BYTES), {
    hooks: torchHooks((id) => {
      const { key, byteLength, dtype, dtypeName } = parseStorageId(id);
      const known = storages.get(key);
      if (known !== undefined) return known;
      const name = `${prefix}data/${key}`;
      const entry = archive.entries.get(name);
      if (entry === undefined) throw new Error(`${path} is damaged: the storage ${name} is missing`);
      if (dtype !== null && entry.size < byteLength) {
        throw new Error(`${path} is damaged: the storage ${name} has ${entry.size} bytes, expected ${byteLength}`);
      }
      const storage: WeightStorage = {
        kind: "storage",
        dtype,
        dtypeName,
        byteLength: entry.size,
        readInto: (target, offset) => archive.readInto(name, target, offset),
      };
      storages.set(key, storage);
      return storage;
    }),
  });
  return value;
}

function guessFormat(head: string): string {
  if (head.startsWith("version https://git-lfs"))
    return "it is a git-lfs pointer; fetch the real file with git lfs pull";
  if (/^\s*<(!doctype|html|\?xml)/i.test(head)) return "it is a web page; the download went wrong";
  if (head.charAt(8) === "{") return "it looks like safetensors";
  if (head.startsWith("\u0089HDF")) return "it is HDF5";
  return "expected a zip archive or a pickle at its start";
}
