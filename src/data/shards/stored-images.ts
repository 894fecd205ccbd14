import { loadImages, type Crops, type LoadedImages } from "../image-files.ts";
import type { PictureSet, PictureStream } from "../picture-stream.ts";
import { checkBroken } from "./broken.ts";
import type { PictureStore } from "./picture-store.ts";

/** Pictures that are under way at once: more than cores, as networks hold up what comes between two steps of each. */
const READ_AHEAD = 32;

export type StoredImages = LoadedImages & {
  /** Captions of the `kept` ones, where the store has them. */
  captions?: (readonly string[])[];
};

/** Reads some pictures of a store and decodes them; those that cannot be read are named in `skipped`. */
export async function loadStored(
  store: PictureStore,
  indices: readonly number[],
  options: { size: number; crops?: Crops; start?: number; onProgress?: (done: number, total: number) => void },
): Promise<StoredImages> {
  const captions: (readonly string[] | undefined)[] = [];
  const pictures = indices.map((index, row) => ({
    name: store.nameOf(index),
    open: async () => {
      const stored = await store.get(index);
      captions[row] = stored.captions;
      return stored.picture;
    },
  }));
  const loaded = await loadImages(pictures, { ...options, concurrency: READ_AHEAD });
  const kept = loaded.kept.flatMap((row) => [captions[row]].filter((given) => given !== undefined));
  return kept.length === loaded.kept.length ? { ...loaded, captions: kept } : loaded;
}

/** All pictures of a store, in memory. Unreadable ones are named in `skipped`; an error where there is no other. */
export async function readStore(
  store: PictureStore,
  options: { size: number; onProgress?: (done: number, total: number) => void },
): Promise<PictureSet> {
  const everything = Array.from({ length: store.count }, (_, index) => index);
  const { images, kept, skipped, captions } = await loadStored(store, everything, options);
  checkBroken(skipped.length, { count: store.count, mostBroken: Infinity, first: skipped[0] });
  const names = kept.map((index) => store.nameOf(index));
  return { images, size: options.size, count: kept.length, names, skipped, ...(captions && { captions }) };
}

export type StoreStreamOptions = {
  size: number;
  crops?: Crops;
  /** The first picture, and the one after the last. Default: all of them. */
  range?: readonly [start: number, end: number];
};

/**
 * Pictures of a store as a stream: while a batch is worked on, the next one is read. Unreadable ones are named in the batches'
 * `skipped`.
 */
export function streamStore(store: PictureStore, options: StoreStreamOptions): PictureStream {
  const { size, crops, range: [first, end] = [0, store.count] } = options;
  async function* batches(batchSize: number): AsyncGenerator<PictureSet> {
    const read = async (start: number): Promise<PictureSet> => {
      const count = Math.max(0, Math.min(batchSize, end - start));
      const indices = Array.from({ length: count }, (_, i) => start + i);
      const { images, kept, skipped, captions } = await loadStored(store, indices, { ...options, start });
      const names = kept.map((row) => store.nameOf(start + row));
      return { images, size, count: kept.length, names, skipped, ...(captions && { captions }) };
    };
    let next = read(first);
    for (let start = first; start < end; start += batchSize) {
      const batch = await next;
      next = read(start + batchSize);
      // Whoever stops in between takes no notice of how this one ends.
      next.catch(() => undefined);
      yield batch;
    }
  }
  return { size, count: end - first, views: 1 + (crops?.count ?? 0), batches };
}
