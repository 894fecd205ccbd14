import { writeFileAtomic } from "./atomic.ts";
import { FileBytes } from "./file-bytes.ts";
import { parseSafetensorsHeader, SAFETENSORS_NAMES } from "./safetensors-header.ts";
import { checkStoredTensor, type StoredTensor } from "./stored-tensor.ts";
import { readWeight, wholeWeight, type Weight, type Weights } from "./weight.ts";

// The reference implementation's limit (huggingface/safetensors, MAX_HEADER_SIZE).
const MAX_HEADER_BYTES = 100_000_000;

/**
 * A safetensors file: its header is read and checked at once, each tensor's bytes only when they are asked for.
 * Holds no file handle; a file that was changed since is refused.
 * Format: https://github.com/huggingface/safetensors#format
 */
export class SafetensorsFile {
  readonly path: string;
  readonly metadata: Record<string, string>;
  /** In the order of the bytes in the file. */
  readonly weights: Weights;

  /** Throws if it is no safetensors file, damaged or cut short. */
  constructor(path: string) {
    const file = new FileBytes(path);
    if (file.size < 8) throw new Error(`${path} is not a safetensors file: it has only ${file.size} bytes`);
    const headerLength = Number(new DataView(file.read(0, 8).buffer).getBigUint64(0, true));
    if (headerLength > MAX_HEADER_BYTES || headerLength < 2) {
      throw new Error(
        `${path} is not a safetensors file: its first 8 bytes announce a header of ${headerLength} bytes, ` +
          `expected 2 to ${MAX_HEADER_BYTES}`,
      );
    }
    const dataOffset = 8 + headerLength;
    if (dataOffset > file.size) {
      throw new Error(
        `${path} is cut short: its header takes ${headerLength} bytes, the whole file has ${file.size}; ` +
          `copy or download it again`,
      );
    }
    const header = parseSafetensorsHeader(path, {
      json: file.read(8, headerLength),
      dataLength: file.size - dataOffset,
    });
    this.path = path;
    this.metadata = header.metadata;
    this.weights = new Map(
      Array.from(header.entries, ([name, { dtype, dtypeName, shape, begin, end }]) => {
        const readInto = (target: Uint8Array, offset: number): void =>
          file.readInto(target, dataOffset + begin + offset);
        return [name, wholeWeight({ kind: "storage", dtype, dtypeName, byteLength: end - begin, readInto }, shape)];
      }),
    );
  }

  get names(): string[] {
    return [...this.weights.keys()];
  }

  /** One tensor, not yet read. Throws for an unknown name. */
  weight(name: string): Weight {
    const weight = this.weights.get(name);
    if (weight !== undefined) return weight;
    const some = this.names.slice(0, 5).join(", ");
    throw new Error(
      `${this.path} has no tensor ${name}; it has ${this.weights.size}: ${some}${this.weights.size > 5 ? ", …" : ""}`,
    );
  }

  /** Reads one tensor. Throws for an unknown name and for an element type that this project does not hold. */
  read(name: string): StoredTensor {
    return readWeight(`${name} of ${this.path}`, this.weight(name));
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
