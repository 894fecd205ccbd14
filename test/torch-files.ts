import { deflateRawSync } from "node:zlib";
import { crc32 } from "../src/io/crc.ts";

/** A value as the pickle writer of these tests takes it; arrays become tuples, functions write operations themselves. */
export type Pickled = null | boolean | number | string | Pickled[] | Map<Pickled, Pickled> | (() => Buffer);

const operation = (code: string, ...parts: Uint8Array[]): Buffer =>
  Buffer.concat([Buffer.from(code, "latin1"), ...parts]);

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}

/** The operations that push a value, without frame and STOP. */
export function operations(value: Pickled): Buffer {
  if (typeof value === "function") return value();
  if (value === null) return operation("N");
  if (typeof value === "boolean") return operation(value ? "\u0088" : "\u0089");
  if (typeof value === "number") return operation("J", uint32(value));
  if (typeof value === "string") return operation("X", uint32(Buffer.byteLength(value)), Buffer.from(value));
  if (Array.isArray(value)) return operation("(", ...value.map(operations), operation("t"));
  const pairs = [...value].flatMap(([key, item]) => [operations(key), operations(item)]);
  return operation("}(", ...pairs, operation("u"));
}

/** A whole pickle of protocol 2. */
export function pickle(value: Pickled): Buffer {
  return operation("\u0080\u0002", operations(value), operation("."));
}

export const dict = (entries: Record<string, Pickled>): Pickled => new Map(Object.entries(entries));

/** `module.name`, written "module name". */
export const named = (name: string) => (): Buffer => operation(`c${name.replace(" ", "\n")}\n`);

/** The call `name(...args)`. */
export const call =
  (name: string, ...args: Pickled[]) =>
  (): Buffer =>
    operation("", operations(named(name)), operations(args), operation("R"));

/** An object of a class, with its attributes. */
export const object = (name: string, attributes: Pickled) => (): Buffer =>
  operation("", operations(named(name)), operation(")\u0081"), operations(attributes), operation("b"));

type StorageOptions = { type?: string; more?: Pickled[] };

/** The storage `key` of `size` elements; old files have a sixth entry. */
export const storage =
  (key: string, size: number, { type = "FloatStorage", more = [] }: StorageOptions = {}) =>
  (): Buffer =>
    operation("", operations(["storage", named(`torch ${type}`), key, "cpu", size, ...more]), operation("Q"));

/** A tensor that views a storage. */
export function tensor(of: Pickled, view: { shape: number[]; strides: number[]; offset?: number }): Pickled {
  const { shape, strides, offset = 0 } = view;
  return call("torch._utils _rebuild_tensor_v2", of, offset, shape, strides, false, call("collections OrderedDict"));
}

type ZipOptions = { deflate?: boolean; zip64?: boolean };

/** A zip archive of the given files. */
export function zip(files: Record<string, Uint8Array>, { deflate = false, zip64 = false }: ZipOptions = {}): Buffer {
  const locals: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const [name, data] of Object.entries(files)) {
    const packed = deflate ? deflateRawSync(data) : data;
    const common = Buffer.alloc(26); // version … extra length, the same in both headers
    common.writeUInt16LE(deflate ? 8 : 0, 4);
    common.writeUInt32LE(crc32(data), 10);
    common.writeUInt32LE(zip64 ? 0xffffffff : packed.byteLength, 14);
    common.writeUInt32LE(zip64 ? 0xffffffff : data.byteLength, 18);
    common.writeUInt16LE(Buffer.byteLength(name), 22);
    const wide = [1 + (24 << 16), 0, 0, 0, 0, 0, 0].map(uint32);
    wide.splice(1, 6, ...[data.byteLength, 0, packed.byteLength, 0, offset, 0].map(uint32));
    const extra = zip64 ? Buffer.concat(wide) : Buffer.alloc(0);
    // The local header pads, as torch does to align the data: its extra field is not the directory's.
    const padding = Buffer.from([0x46, 0x42, 3, 0, 90, 90, 90]);
    const local = Buffer.from(common);
    local.writeUInt16LE(padding.byteLength, 24);
    const localParts = [operation("PK\u0003\u0004"), local, Buffer.from(name), padding, packed];
    common.writeUInt16LE(extra.byteLength, 24);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(zip64 ? 0xffffffff : offset, 10);
    directory.push(operation("PK\u0001\u0002\0\0", common, rest, Buffer.from(name), extra));
    locals.push(...localParts);
    offset += localParts.reduce((sum, part) => sum + part.byteLength, 0);
  }
  const table = Buffer.concat(directory);
  const count = directory.length;
  const end = Buffer.alloc(18);
  end.writeUInt16LE(zip64 ? 0xffff : count, 6);
  end.writeUInt32LE(table.byteLength, 8);
  end.writeUInt32LE(zip64 ? 0xffffffff : offset, 12);
  const wideEnd = [44, 0, 0, 0, 0, count, 0, count, 0, table.byteLength, 0, offset, 0].map(uint32);
  const locator = [0, offset + table.byteLength, 0, 1].map(uint32);
  const wideParts = zip64 ? [operation("PK\u0006\u0006"), ...wideEnd, operation("PK\u0006\u0007"), ...locator] : [];
  return Buffer.concat([...locals, table, ...wideParts, operation("PK\u0005\u0006"), end]);
}

/** The files in a torch archive: the pickle of the object, and its storages. */
export function torchZipFiles(pickled: Uint8Array, storages: Record<string, Uint8Array>): Record<string, Uint8Array> {
  const data = Object.entries(storages).map(([key, bytes]): [string, Uint8Array] => [`archive/data/${key}`, bytes]);
  return { "archive/data.pkl": pickled, ...Object.fromEntries(data), "archive/version": Buffer.from("3\n") };
}

/** A torch archive: the object and its storages. */
export function torchZip(value: Pickled, storages: Record<string, Uint8Array>, options: ZipOptions = {}): Buffer {
  return zip(torchZipFiles(pickle(value), storages), options);
}

/** The format before torch 1.6. Storages are float32, but for those whose elements have another size. */
export function torchLegacy(
  value: Pickled,
  storages: Record<string, Uint8Array>,
  sizes: Record<string, number> = {},
): Buffer {
  const magic = operation("\u0080\u0002\u008a\u000a", Buffer.from("6cfc9c46f9206aa85019", "hex"), operation("."));
  const raw = Object.entries(storages).flatMap(([key, bytes]) => [
    uint32(bytes.byteLength / (sizes[key] ?? 4)),
    uint32(0),
    bytes,
  ]);
  const keys = Object.keys(storages);
  return Buffer.concat([
    magic,
    pickle(1001),
    pickle(dict({ little_endian: true })),
    pickle(value),
    pickle(keys),
    ...raw,
  ]);
}
