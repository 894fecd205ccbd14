import { createHash } from "node:crypto";
import type { PictureFile } from "../picture-stream.ts";

/** A picture that is not decoded: a path, or the bytes of a file. */
export type StoredPicture = { picture: string | Uint8Array; captions?: readonly string[] };

/** Pictures where they lie: in files, in shards, here or on another machine. Nothing of them is in memory. */
export type PictureStore = {
  count: number;
  /** Pictures that lie together and are best read together, from the first picture on; the sum is `count`. */
  parts: readonly number[];
  /** Over how many pictures an order may jump about: over more, the same bytes would be read time and again. */
  buffer: number;
  /** Changes when the pictures do, as far as can be told without reading them. */
  version(): string;
  /** What a picture is called, fit for a message. */
  nameOf(index: number): string;
  /** Throws `ImageError` where this picture is at fault, and any other error where the whole store is. */
  get(index: number): Promise<StoredPicture>;
};

/** Files that are encoded together. */
const PART = 4096;

/** Where pictures are read one by one, jumping about costs nothing; this many numbers are 256 KB. */
export const FREE_BUFFER = 65_536;

/** Pictures that lie in no shards, in parts of a usual size. */
export function partsOf(count: number): number[] {
  return Array.from({ length: Math.ceil(count / PART) }, (_, i) => Math.min(PART, count - i * PART));
}

/** Picture files as a store. */
export function fileStore(files: readonly PictureFile[]): PictureStore {
  return {
    count: files.length,
    parts: partsOf(files.length),
    buffer: FREE_BUFFER,
    version: () => digest(files.map(({ file }) => file)),
    nameOf: (index) => at(files, index).file,
    get: async (index) => {
      const { file, captions } = at(files, index);
      return { picture: file, ...(captions && { captions }) };
    },
  };
}

/** Stores one after the other as one. */
export function joinStores(stores: readonly PictureStore[]): PictureStore {
  const [first] = stores;
  if (!first) throw new RangeError("there are no stores to join");
  if (stores.length === 1) return first;
  const ends = new Float64Array(stores.length);
  let count = 0;
  for (const [i, store] of stores.entries()) ends[i] = count += store.count;
  const find = (index: number): { store: PictureStore; own: number } => {
    const place = placeOf(ends, index);
    return { store: at(stores, place), own: index - (place === 0 ? 0 : (ends[place - 1] ?? 0)) };
  };
  return {
    count,
    parts: stores.flatMap(({ parts }) => parts),
    buffer: Math.min(...stores.map(({ buffer }) => buffer)),
    version: () => digest(stores.map((store) => store.version())),
    nameOf: (index) => {
      const { store, own } = find(index);
      return store.nameOf(own);
    },
    get: async (index) => {
      const { store, own } = find(index);
      return store.get(own);
    },
  };
}

/**
 * A store whose every picture comes `weight` times, at least once. Of a weight such as 1.5 the half comes twice, evenly taken,
 * so that no picture is left out.
 */
export function weightedStore(store: PictureStore, weight: number): PictureStore {
  if (weight === 1) return store;
  const whole = Math.floor(weight) * store.count;
  const more = Math.round(weight * store.count) - whole;
  const own = (index: number): number =>
    index < whole ? index % store.count : Math.floor(((index - whole) * store.count) / more);
  return {
    ...store,
    count: whole + more,
    parts: [...Array.from({ length: Math.floor(weight) }, () => store.parts).flat(), ...fewerOf(store, more)],
    version: () => digest([String(weight), store.version()]),
    nameOf: (index) => store.nameOf(own(index)),
    get: (index) => store.get(own(index)),
  };
}

/** The parts of `more` pictures that are taken evenly: picture i of them is picture floor(i · count / more). */
function fewerOf({ parts, count }: PictureStore, more: number): number[] {
  const taken: number[] = [];
  let [end, before] = [0, 0];
  for (const part of parts) {
    end += part;
    const upTo = Math.ceil((end * more) / count);
    if (upTo > before) taken.push(upTo - before);
    before = upTo;
  }
  return taken;
}

/** The first place whose end lies beyond the index. */
export function placeOf(ends: Float64Array, index: number): number {
  let [low, high] = [0, ends.length - 1];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ends[middle] ?? 0) > index) high = middle;
    else low = middle + 1;
  }
  return low;
}

function digest(parts: readonly string[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(`${part}\n`);
  return hash.digest("hex");
}

function at<T extends object>(list: readonly T[], index: number): T {
  const found = list[index];
  if (found) return found;
  throw new RangeError(`there is no picture ${index}`);
}
