import type { Random } from "../src/random.ts";

// Where readers of lengths, signs and codes go wrong, and the operations of a pickle.
const PICKLE =
  "().012BCFGIJKLMNPQRSTUVX]abcdeghijlopqrstu}\u0081\u0085\u0086\u0087\u008a\u0090\u0091\u0092\u0093\u0094\u0095\u0096";
const BYTES = [...Buffer.from(`\u0000\u0001\n"-9{\u007f\u0080\u00c1\u00df\u00fe\u00ff${PICKLE}`, "latin1")];
const NUMBERS = [0n, 1n, -1n, 0x7fn, 0xffn, 0x7fffn, 0xffffn, 1n << 24n, (1n << 31n) - 1n, 1n << 31n, (1n << 32n) - 1n];
const WIDE_NUMBERS = [...NUMBERS, 1n << 32n, 1n << 40n, (1n << 53n) - 1n, 1n << 53n, (1n << 63n) - 1n, 1n << 63n];
// For formats that are text: numbers and brackets where others stood.
const TEXTS = `-1 1e400 0.5 9007199254740993 null {} [] "" [[[[ \\u0000 ../ __proto__`.split(" ");
const MAX_CHANGES = 4;

/** The bytes with one to four random changes, of the kinds that damage and malice make. The same draws, the same bytes. */
export function mutate(bytes: Uint8Array, random: Random): Buffer {
  let mutated = Buffer.from(bytes);
  const changes = 1 + random.int(MAX_CHANGES);
  for (let change = 0; change < changes; change += 1) mutated = mutateOnce(mutated, random);
  return mutated;
}

function mutateOnce(bytes: Buffer<ArrayBuffer>, random: Random): Buffer<ArrayBuffer> {
  if (bytes.byteLength === 0) return Buffer.from([random.pick(BYTES)]);
  const at = random.int(bytes.byteLength);
  // Mostly short spans: long ones leave nothing of the file.
  const length = 1 + random.int(random.chance(0.8) ? 16 : bytes.byteLength);
  const span = bytes.subarray(at, at + length);
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at + span.byteLength)];
  switch (random.int(11)) {
    case 0:
    case 1:
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.int(8));
      return bytes;
    case 2:
      bytes[at] = random.pick(BYTES);
      return bytes;
    case 3:
      bytes[at] = random.int(256);
      return bytes;
    case 4:
      return random.chance(0.2) ? before : Buffer.concat([before, after]);
    case 5:
      return Buffer.concat([before, span, span, after]);
    case 6:
      return Buffer.concat([before, Buffer.alloc(span.byteLength, random.pick(BYTES)), bytes.subarray(at)]);
    case 7: {
      // Swaps the span with the one after it.
      const second = random.int(after.byteLength + 1);
      return Buffer.concat([before, after.subarray(0, second), span, after.subarray(second)]);
    }
    case 8: {
      // A span copied over another place.
      const target = random.int(bytes.byteLength);
      bytes.set(Buffer.from(span.subarray(0, bytes.byteLength - target)), target);
      return bytes;
    }
    case 9:
      return Buffer.concat([before, Buffer.from(random.pick(TEXTS)), random.chance(0.5) ? after : bytes.subarray(at)]);
    default:
      return overwriteNumber(bytes, at, random);
  }
}

function overwriteNumber(bytes: Buffer<ArrayBuffer>, at: number, random: Random): Buffer<ArrayBuffer> {
  const size = random.pick([2, 4, 8]);
  const number = Buffer.alloc(8);
  number.writeBigUInt64LE(BigInt.asUintN(64, random.pick(size === 8 ? WIDE_NUMBERS : NUMBERS)));
  const part = number.subarray(0, Math.min(size, bytes.byteLength - at));
  bytes.set(random.chance(0.5) ? part : part.toReversed(), at);
  return bytes;
}

/** Any value of JSON. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

const ODD: Json[] = [
  -1,
  0,
  0.5,
  2 ** 31,
  2 ** 53,
  1e308,
  null,
  true,
  "",
  "..",
  "../a",
  "\n\u001b[2J",
  "__proto__",
  {},
  [],
  [[]],
];
ODD.push("x".repeat(3000), [1, 1, 1, 1], Array<number>(100).fill(1), { a: {} }, "U8", "F64");

/** A JSON text that is right as such, with values that nobody expects in one to four places. */
export function mutateJson(json: Json, random: Random): Buffer {
  const root: Json[] = [structuredClone(json)];
  const changes = 1 + random.int(MAX_CHANGES);
  for (let change = 0; change < changes; change += 1) {
    const place = placeIn(root, random);
    const kind = random.int(5);
    if (kind < 3) place.set(structuredClone(random.pick(ODD)));
    // A copy, as the other one may hold the place.
    else if (kind === 3) place.set(structuredClone(placeIn(root, random).value));
    else place.remove();
  }
  return Buffer.from(JSON.stringify(root[0] ?? null));
}

type Place = { value: Json; set: (value: Json) => void; remove: () => void };

/** A value somewhere below, and how to change it where it stands. */
function placeIn(json: Json[] | { [name: string]: Json }, random: Random): Place {
  const place = Array.isArray(json) ? itemOf(json, random) : entryOf(json, random);
  const { value } = place;
  const isEnd = typeof value !== "object" || value === null || Object.keys(value).length === 0;
  return isEnd || random.chance(0.15) ? place : placeIn(value, random);
}

function itemOf(json: Json[], random: Random): Place {
  const index = random.int(Math.max(json.length, 1));
  return {
    value: json[index] ?? null,
    set: (value) => void (json[index] = value),
    remove: () => void json.splice(index, 1),
  };
}

function entryOf(json: { [name: string]: Json }, random: Random): Place {
  const name = random.pick(Object.keys(json));
  return {
    value: json[name] ?? null,
    set: (value) => void (json[name] = value),
    remove: () => void delete json[name],
  };
}
