import { FileBytes } from "./file-bytes.ts";
import { readMsgpack, type MsgpackExtension, type MsgpackValue } from "./msgpack.ts";
import { oneLine, readError } from "./read-error.ts";
import { byteLengthOf, STORED_DTYPES, type StoredDType } from "./stored-tensor.ts";
import { joinedStorage, wholeWeight, type Weight, type Weights } from "./weight.ts";

// What flax.serialization writes for an array: (shape, dtype's name, bytes), packed into an extension of this type.
const ARRAY = 1;
const CHUNKED = "__msgpack_chunked_array__";
// Each leaf repeats the names above it, so a long one could fill the memory.
const MAX_NAME_CHARACTERS = 1000;
const MAX_LABEL_CHARACTERS = 300;

/**
 * The parameters in a file of flax (`flax_model.msgpack`), not yet read: the names along the tree, joined by dots.
 * Arrays that flax cut into chunks (beyond 1 GiB) are put together again.
 * Source: flax/serialization.py. Throws for damage; nothing that the file says is executed.
 */
export function readFlaxFile(path: string): Weights {
  const file = new FileBytes(path);
  try {
    const tree = readMsgpack(file);
    if (!(tree instanceof Map)) throw new Error("it holds no tree of parameters");
    const weights = new Map<string, Weight>();
    collect(file, weights, { prefix: "", tree });
    if (weights.size === 0) throw new Error("it holds no arrays");
    return weights;
  } catch (error) {
    throw readError(path, error);
  }
}

function collect(
  file: FileBytes,
  weights: Map<string, Weight>,
  { prefix, tree }: { prefix: string; tree: Map<MsgpackValue, MsgpackValue> },
): void {
  for (const [key, value] of tree) {
    if (typeof key !== "string")
      throw new Error(`a key below ${oneLine(prefix, MAX_LABEL_CHARACTERS) || "the root"} is no text`);
    const name = prefix + key;
    if (name.length > MAX_NAME_CHARACTERS) throw new Error(`a name has ${name.length} characters`);
    const label = oneLine(name, MAX_LABEL_CHARACTERS);
    if (weights.has(name)) throw new Error(`the array ${label} is there twice`);
    if (value instanceof Map && value.has(CHUNKED)) weights.set(name, chunkedArray(file, label, value));
    else if (value instanceof Map) collect(file, weights, { prefix: `${name}.`, tree: value });
    else if (isArray(value)) weights.set(name, arrayOf(file, label, value));
  }
}

function isArray(value: MsgpackValue | undefined): value is MsgpackExtension {
  return (
    typeof value === "object" && value !== null && "kind" in value && value.kind === "extension" && value.type === ARRAY
  );
}

function arrayOf(file: FileBytes, name: string, { offset, length }: MsgpackExtension): Weight {
  const parts = readMsgpack(file, { offset, end: offset + length });
  const [shape, dtypeName, bytes] = Array.isArray(parts) ? parts : [];
  if (!Array.isArray(shape) || typeof dtypeName !== "string" || typeof bytes !== "object" || bytes === null) {
    throw new Error(`${name} is no array: expected its shape, dtype and bytes`);
  }
  if (!("kind" in bytes) || bytes.kind !== "bytes") throw new Error(`${name} is an array without bytes`);
  const sizes = shape.map((size) => sizeOf(name, size));
  const dtype = STORED_DTYPES.find((known): known is StoredDType => known === dtypeName) ?? null;
  if (dtype !== null && byteLengthOf(dtype, sizes) !== bytes.length) {
    throw new Error(`${name} is damaged: ${dtypeName} [${sizes.join(", ")}] does not take ${bytes.length} bytes`);
  }
  const readInto = (target: Uint8Array, at: number): void => file.readInto(target, bytes.offset + at);
  return wholeWeight({ kind: "storage", dtype, dtypeName, byteLength: bytes.length, readInto }, sizes);
}

/** Chunks of a flattened array, one after the other. */
function chunkedArray(file: FileBytes, name: string, value: Map<MsgpackValue, MsgpackValue>): Weight {
  const [shape, chunks] = [listOf(name, value.get("shape")), listOf(name, value.get("chunks"))];
  const parts = chunks.map((chunk) => {
    if (!isArray(chunk)) throw new Error(`a chunk of ${name} is no array`);
    return arrayOf(file, name, chunk).storage;
  });
  const storage = joinedStorage(parts);
  const sizes = shape.map((size) => sizeOf(name, size));
  if (storage.dtype !== null && byteLengthOf(storage.dtype, sizes) !== storage.byteLength) {
    throw new Error(`the chunks of ${name} have ${storage.byteLength} bytes, [${sizes.join(", ")}] takes others`);
  }
  return wholeWeight(storage, sizes);
}

/** flax writes a list as a dict with the keys "0", "1" … */
function listOf(name: string, value: MsgpackValue | undefined): MsgpackValue[] {
  if (Array.isArray(value)) return value;
  if (!(value instanceof Map)) throw new Error(`the chunked array ${name} has no shape or no chunks`);
  return Array.from(value.keys(), (_, i) => value.get(String(i)) ?? null);
}

function sizeOf(name: string, size: MsgpackValue): number {
  if (typeof size === "number" && Number.isSafeInteger(size) && size >= 0) return size;
  throw new Error(`${name} is damaged: its shape has the size ${String(size)}`);
}
