import { closeSync } from "node:fs";
import { writeFileAtomic } from "./atomic.ts";
import { openRegularFile, readAt } from "./file-bytes.ts";
import { parseSafetensorsHeader, type SafetensorsEntry, SAFETENSORS_NAMES } from "./safetensors-header.ts";
import { checkStoredTensor, type StoredDType, type StoredTensor } from "./stored-tensor.ts";

/** What the header says of one tensor. `dtype` is null for an element type that this project does not hold. */
export type SafetensorsInfo = { dtype: StoredDType | null; dtypeName: string; shape: number[] };

// The reference implementation's limit (huggingface/safetensors, MAX_HEADER_SIZE).
const MAX_HEADER_BYTES = 100_000_000;

/**
 * A safetensors file, opened: its header is read and checked, each tensor's bytes only when they are asked for.
 * Holds a file handle until `close()`, or until the end of the block with `using`.
 * Format: https://github.com/huggingface/safetensors#format
 */
export class SafetensorsFile {
  readonly path: string;
  /** In the order of the bytes in the file. */
  readonly names: string[];
  readonly metadata: Record<string, string>;
  readonly #entries: Map<string, SafetensorsEntry>;
  readonly #dataOffset: number;
  #fd: number | null;

  private constructor(path: string, file: { fd: number; size: number }) {
    const { fd, size } = file;
    if (size < 8) throw new Error(`${path} is not a safetensors file: it has only ${size} bytes`);
    const lengthBytes = readAt(fd, path, { offset: 0, length: 8 });
    const headerLength = Number(new DataView(lengthBytes.buffer).getBigUint64(0, true));
    if (headerLength > MAX_HEADER_BYTES || headerLength < 2) {
      throw new Error(
        `${path} is not a safetensors file: its first 8 bytes announce a header of ${headerLength} bytes, ` +
          `expected 2 to ${MAX_HEADER_BYTES}`,
      );
    }
    this.#dataOffset = 8 + headerLength;
    if (this.#dataOffset > size) {
      throw new Error(
        `${path} is cut short: its header takes ${headerLength} bytes, the whole file has ${size}; ` +
          `copy or download it again`,
      );
    }
    const header = parseSafetensorsHeader(path, {
      json: readAt(fd, path, { offset: 8, length: headerLength }),
      dataLength: size - this.#dataOffset,
    });
    this.path = path;
    this.#fd = fd;
    this.#entries = header.entries;
    this.names = [...header.entries.keys()];
    this.metadata = header.metadata;
  }

  /** Opens a file and checks its header. Throws if it is no safetensors file, damaged or cut short. */
  static open(path: string): SafetensorsFile {
    const file = openRegularFile(path);
    try {
      return new SafetensorsFile(path, file);
    } catch (error) {
      closeSync(file.fd);
      throw error;
    }
  }

  has(name: string): boolean {
    return this.#entries.has(name);
  }

  /** Type and shape of one tensor, without reading it. Throws for an unknown name. */
  info(name: string): SafetensorsInfo {
    const { dtype, dtypeName, shape } = this.#entry(name);
    return { dtype, dtypeName, shape: [...shape] };
  }

  /** Reads one tensor. Throws for an unknown name and for an element type that this project does not hold. */
  read(name: string): StoredTensor {
    const { dtype, dtypeName, shape, begin, end } = this.#entry(name);
    if (this.#fd === null) throw new Error(`${this.path} is closed; open it again to read ${name}`);
    if (dtype === null) {
      throw new Error(
        `tensor ${name} of ${this.path} has the element type ${dtypeName}; ` +
          `known are ${Object.values(SAFETENSORS_NAMES).join(", ")}: convert the file first`,
      );
    }
    const data = readAt(this.#fd, this.path, { offset: this.#dataOffset + begin, length: end - begin });
    return { dtype, shape: [...shape], data };
  }

  close(): void {
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #entry(name: string): SafetensorsEntry {
    const entry = this.#entries.get(name);
    if (entry !== undefined) return entry;
    const some = this.names.slice(0, 5).join(", ");
    throw new Error(
      `${this.path} has no tensor ${name}; it has ${this.names.length}: ${some}${this.names[5] ? ", …" : ""}`,
    );
  }
}

/**
 * Writes tensors in the given order, atomically (`writeFileAtomic`). The tensors' bytes start at a multiple of 8.
 * `metadata` goes into the header as text. Throws for a name given twice and for data that does not fit its shape.
 */
export function writeSafetensorsFile(
  path: string,
  tensors: Iterable<readonly [string, StoredTensor]>,
  metadata: Readonly<Record<string, string>> = {},
): void {
  const entries: string[] = [];
  const parts: Uint8Array[] = [];
  const seen = new Set<string>(["__metadata__"]);
  if (Object.keys(metadata).length > 0) entries.push(`"__metadata__":${JSON.stringify(metadata)}`);
  let offset = 0;
  for (const [name, tensor] of tensors) {
    if (seen.has(name)) throw new Error(`cannot write ${path}: the tensor name ${name} is taken or reserved`);
    seen.add(name);
    checkStoredTensor(name, tensor);
    const end = offset + tensor.data.byteLength;
    const entry = { dtype: SAFETENSORS_NAMES[tensor.dtype], shape: tensor.shape, data_offsets: [offset, end] };
    // Text by hand, as a JavaScript object would move names like "10" to the front.
    entries.push(`${JSON.stringify(name)}:${JSON.stringify(entry)}`);
    parts.push(tensor.data);
    offset = end;
  }
  const json = Buffer.from(`{${entries.join(",")}}`, "utf8");
  const padded = Math.ceil(json.byteLength / 8) * 8;
  if (padded > MAX_HEADER_BYTES) {
    throw new Error(`cannot write ${path}: its header takes ${padded} bytes, the format allows ${MAX_HEADER_BYTES}`);
  }
  const head = Buffer.alloc(8 + padded, " ");
  head.writeBigUInt64LE(BigInt(padded), 0);
  json.copy(head, 8);
  writeFileAtomic(path, [head, ...parts]);
}
