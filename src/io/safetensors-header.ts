import { oneLine } from "./read-error.ts";
import { byteLengthOf, elementCount, STORED_DTYPES, type StoredDType } from "./stored-tensor.ts";

/** One tensor in the header: its type, its shape, and its bytes as a range of the data that follows the header. */
export type SafetensorsEntry = {
  /** null for an element type that this project does not hold. */
  dtype: StoredDType | null;
  dtypeName: string;
  shape: number[];
  begin: number;
  end: number;
};

/** What safetensors calls our element types. */
export const SAFETENSORS_NAMES: Record<StoredDType, string> = {
  float64: "F64",
  float32: "F32",
  float16: "F16",
  bfloat16: "BF16",
  int64: "I64",
  int32: "I32",
  int16: "I16",
  int8: "I8",
  uint8: "U8",
  bool: "BOOL",
  uint64: "U64",
  uint32: "U32",
  uint16: "U16",
  float8_e4m3fn: "F8_E4M3",
  float8_e5m2: "F8_E5M2",
};

const DTYPES = new Map(STORED_DTYPES.map((dtype) => [SAFETENSORS_NAMES[dtype], dtype]));

/**
 * Reads the JSON header and checks it against the `dataLength` bytes that follow: every tensor's range has the length
 * that type and shape call for, and the ranges cover the data without gap or overlap.
 * The entries come in the order of their bytes. Throws with the file's path and the tensor's name.
 */
export function parseSafetensorsHeader(
  path: string,
  file: { json: Uint8Array; dataLength: number },
): { entries: Map<string, SafetensorsEntry>; metadata: Record<string, string> } {
  const header = parseJsonObject(path, file.json);
  const found: [string, SafetensorsEntry][] = [];
  let metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(header)) {
    if (name === "__metadata__") metadata = parseMetadata(path, value);
    else found.push([name, parseEntry(`tensor ${oneLine(name, 300)} of ${path}`, value)]);
  }
  found.sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  let position = 0;
  for (const [name, { begin, end }] of found) {
    if (begin !== position) {
      throw new Error(
        `${path} is damaged: tensor ${name} starts at byte ${begin} of the data, ` +
          `expected ${position}, where the tensor before it ends`,
      );
    }
    position = end;
  }
  if (position !== file.dataLength) {
    throw new Error(
      `${path} has ${file.dataLength} bytes of data, but its header describes ${position}: ` +
        `the file is cut short or damaged; copy or download it again`,
    );
  }
  return { entries: new Map(found), metadata };
}

function parseJsonObject(path: string, json: Uint8Array): object {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(json));
  } catch (error) {
    throw new Error(`${path} is not a safetensors file: its header is not JSON`, { cause: error });
  }
  if (typeof header !== "object" || header === null || Array.isArray(header)) {
    throw new Error(`${path} is not a safetensors file: its header is not a JSON object`);
  }
  return header;
}

function parseMetadata(path: string, value: unknown): Record<string, string> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Error(`${path} is damaged: __metadata__ is not an object of texts`);
  }
  const pairs: [string, string][] = [];
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== "string") throw new Error(`${path} is damaged: __metadata__ entry ${key} is not a text`);
    pairs.push([key, text]);
  }
  return Object.fromEntries(pairs);
}

function parseEntry(what: string, value: unknown): SafetensorsEntry {
  if (
    typeof value !== "object" ||
    value === null ||
    !("dtype" in value && "shape" in value && "data_offsets" in value) ||
    typeof value.dtype !== "string"
  ) {
    throw new Error(`${what} is damaged: expected dtype, shape and data_offsets in the header`);
  }
  const shape = parseSizes(`${what}: shape`, value.shape);
  const [begin, end, ...more] = parseSizes(`${what}: data_offsets`, value.data_offsets);
  if (begin === undefined || end === undefined || more.length > 0 || begin > end) {
    throw new Error(`${what} is damaged: data_offsets must be two numbers, begin and end`);
  }
  const dtype = DTYPES.get(value.dtype) ?? null;
  const expected = expectedBytes(what, dtype, shape);
  if (expected !== null && end - begin !== expected) {
    throw new Error(
      `${what} is damaged: ${value.dtype} [${shape.join(", ")}] takes ${expected} bytes, the header gives it ${end - begin}`,
    );
  }
  return { dtype, dtypeName: value.dtype, shape, begin, end };
}

/** null for an unknown element type, whose size is unknown; the ranges' order is still checked. */
function expectedBytes(what: string, dtype: StoredDType | null, shape: number[]): number | null {
  try {
    elementCount(shape);
    return dtype === null ? null : byteLengthOf(dtype, shape);
  } catch (error) {
    throw new Error(`${what} is damaged: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

function parseSizes(what: string, value: unknown): number[] {
  if (!Array.isArray(value)) throw new Error(`${what} is not a list`);
  return value.map((size: unknown): number => {
    if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) {
      throw new Error(`${what} has an entry that is no whole number of zero or more: ${String(size)}`);
    }
    return size;
  });
}
