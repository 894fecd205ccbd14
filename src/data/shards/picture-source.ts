import type { PictureSource } from "../picture-stream.ts";
import { checkBroken, usualBroken, type Skipped } from "./broken.ts";
import type { PictureStore } from "./picture-store.ts";
import { loadStored } from "./stored-images.ts";

export type SourceOptions = {
  /** Side of every picture in pixels: shorter side to `size`, middle square. */
  size: number;
  /** How many pictures may be broken before that is an error. Default: one in a hundred, at least 100. */
  mostBroken?: number;
};

/** More are counted and no longer named. */
const MAX_NAMED = 1000;

/**
 * The pictures of a store, decoded when they are asked for. In place of a broken one comes the next that can be read, always
 * the same; it is named in `skipped`. `read` throws where more than `mostBroken` are broken, or all of them.
 */
export function pictureSource(
  store: PictureStore,
  { size, mostBroken = usualBroken(store.count) }: SourceOptions,
): PictureSource {
  const broken = new Set<number>();
  const skipped: Skipped[] = [];
  const note = (index: number, reason: string): void => {
    if (broken.has(index)) return;
    broken.add(index);
    if (skipped.length < MAX_NAMED) skipped.push({ file: store.nameOf(index), reason });
    checkBroken(broken.size, { count: store.count, mostBroken, first: skipped[0] });
  };
  const readable = (index: number): number => {
    let found = index;
    while (broken.has(found)) found = (found + 1) % store.count;
    return found;
  };
  const { count, parts, buffer } = store;
  return {
    size,
    count,
    parts,
    buffer,
    skipped,
    version: () => store.version(),
    nameOf: (index) => store.nameOf(index),
    read: async (indices) => {
      const each = size * size * 3;
      const images = new Uint8Array(indices.length * each);
      const captions: (readonly string[])[] = [];
      const wanted = Array.from(indices, readable);
      for (let rows = [...wanted.keys()]; rows.length > 0;) {
        const asked = rows.map((row) => wanted[row] ?? 0);
        const loaded = await loadStored(store, asked, { size });
        for (const [place, at] of loaded.kept.entries()) {
          const row = rows[at] ?? 0;
          images.set(loaded.images.subarray(place * each, (place + 1) * each), row * each);
          const own = loaded.captions?.[place];
          if (own) captions[row] = own;
        }
        const kept = new Set(loaded.kept);
        const lost = rows.filter((_, at) => !kept.has(at));
        for (const [place, row] of lost.entries()) note(wanted[row] ?? 0, loaded.skipped[place]?.reason ?? "");
        for (const row of lost) wanted[row] = readable(wanted[row] ?? 0);
        rows = lost;
      }
      return { images, ...(captions.length === indices.length && indices.length > 0 && { captions }) };
    },
  };
}
