import type { FileBytes } from "./file-bytes.ts";
import { readPickle, type PickleHooks } from "./pickle.ts";
import { TruncatedPickleError } from "./pickle-bytes.ts";
import { bytesPerElement } from "./stored-tensor.ts";
import { parseStorageId, torchHooks, type TorchValue } from "./torch-pickle.ts";
import type { Weight, WeightStorage } from "./weight.ts";

const MAGIC_NUMBER = 0x1950a86a20f9469cfc6cn;
const PROTOCOL_VERSION = 1001;
const FIRST_WINDOW_BYTES = 2 ** 20;
const MAX_WINDOW_BYTES = 2 ** 28;

/**
 * Reads the format of torch.save before 1.6: five pickles (magic number, protocol, system, the object, the storages'
 * keys) and then, in the order of the keys, each storage as its element count (int64) and its raw bytes.
 * Source: torch/serialization.py, `_legacy_save` and `_legacy_load`.
 */
export function readLegacyTorchFile(file: FileBytes): TorchValue {
  const places = new Map<string, number>();
  const storages = new Map<string, WeightStorage>();
  const read = pickleSequence(file);
  if (read(null) !== MAGIC_NUMBER) {
    throw new Error(`${file.path} is a pickle, but not from torch.save; convert it to safetensors first`);
  }
  const protocol = read(null);
  if (protocol !== PROTOCOL_VERSION) {
    throw new Error(`${file.path} has the protocol ${String(protocol)}, expected ${PROTOCOL_VERSION}`);
  }
  // What the machine's numbers look like; the storages are little-endian all the same.
  read(null);
  const value = read(
    torchHooks((id) => {
      // ("module", class, source file, source): stands for the class alone
      if (Array.isArray(id) && id[0] === "module" && id[1] !== undefined) return id[1];
      return findStorage(id, { file, places, storages });
    }),
  );
  const keys = read(null);
  if (!Array.isArray(keys)) throw new Error(`${file.path} is damaged: it has no list of storages`);
  let position = read.position();
  for (const key of keys) {
    const storage = typeof key === "string" ? storages.get(key) : undefined;
    if (typeof key !== "string" || storage === undefined || places.has(key)) {
      throw new Error(`${file.path} is damaged: its list of storages names ${String(key)}, which no tensor uses`);
    }
    if (storage.dtype === null) {
      throw new Error(`${file.path} has a storage of the type ${storage.dtypeName}, whose size is not known`);
    }
    const count = new DataView(file.read(position, 8).buffer).getBigInt64(0, true);
    if (count * BigInt(bytesPerElement(storage.dtype)) !== BigInt(storage.byteLength)) {
      throw new Error(`${file.path} is damaged: the storage ${key} has ${count} elements of ${storage.dtypeName}`);
    }
    places.set(key, position + 8);
    position += 8 + storage.byteLength;
    if (position > file.size) {
      throw new Error(
        `${file.path} is cut short: the storage ${key} ends at byte ${position}, the file at ${file.size}; ` +
          `copy or download it again`,
      );
    }
  }
  const missing = [...storages.keys()].find((key) => !places.has(key));
  if (missing !== undefined) throw new Error(`${file.path} is damaged: the storage ${missing} is missing`);
  return value;
}

type Context = { file: FileBytes; places: Map<string, number>; storages: Map<string, WeightStorage> };

function findStorage(id: TorchValue, { file, places, storages }: Context): WeightStorage {
  const { key, byteLength, dtype, dtypeName } = parseStorageId(id);
  let root = storages.get(key);
  if (root === undefined) {
    const readInto = (target: Uint8Array, offset: number): void => {
      const place = places.get(key);
      if (place === undefined) throw new Error(`${file.path} is damaged: the storage ${key} is missing`);
      file.readInto(target, place + offset);
    };
    root = { kind: "storage", dtype, dtypeName, byteLength, readInto };
    storages.set(key, root);
  }
  const view = Array.isArray(id) ? id[5] : null;
  if (view === null || view === undefined) return root;
  // (key of the view, offset, length), in elements: a storage that is part of another one
  const [, offset, length] = Array.isArray(view) ? view : [];
  if (typeof offset !== "number" || typeof length !== "number" || dtype === null) {
    throw new Error(`${file.path} is damaged: a view of the storage ${key} has no place`);
  }
  const [start, size] = [offset * bytesPerElement(dtype), length * bytesPerElement(dtype)];
  if (!(start >= 0 && size >= 0 && start + size <= root.byteLength)) {
    throw new Error(`${file.path} is damaged: a view of the storage ${key} reaches beyond it`);
  }
  const whole = root;
  return { ...whole, byteLength: size, within: whole, readInto: (target, at) => whole.readInto(target, start + at) };
}

type PickleSequence = {
  (hooks: PickleHooks<Weight | WeightStorage> | null): TorchValue;
  position: () => number;
};

/** Reads one pickle after the other. Their lengths stand nowhere, so the window onto the file grows until they fit. */
function pickleSequence(file: FileBytes): PickleSequence {
  let window = file.read(0, Math.min(file.size, FIRST_WINDOW_BYTES));
  let offset = 0;
  const next = (hooks: PickleHooks<Weight | WeightStorage> | null): TorchValue => {
    for (;;) {
      try {
        const { value, end } = readPickle(window, { offset, ...(hooks === null ? {} : { hooks }) });
        offset = end;
        return value;
      } catch (error) {
        if (!(error instanceof TruncatedPickleError)) throw error;
        if (window.byteLength >= Math.min(file.size, MAX_WINDOW_BYTES)) {
          throw new Error(`${file.path} is cut short: ${error.message}; copy or download it again`, { cause: error });
        }
        window = file.read(0, Math.min(file.size, window.byteLength * 4, MAX_WINDOW_BYTES));
      }
    }
  };
  return Object.assign(next, { position: () => offset });
}
