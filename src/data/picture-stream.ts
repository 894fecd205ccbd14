// Apart from what reads files, which takes a tenth of a second to load.

import { createHash } from "node:crypto";

/** A picture file; captions where they were asked for. */
export type PictureFile = { file: string; captions?: readonly string[] };

/** Pictures of one size, decoded and in memory: what every stage trains on. */
export type PictureSet = {
  /** (count, size, size, 3) RGB bytes. */
  images: Uint8Array;
  size: number;
  count: number;
  /** Where each picture came from. */
  names: readonly string[];
  /** Sentences for each picture, where there are any. Only CLIP's training and scoring may look at them. */
  captions?: readonly (readonly string[])[];
  skipped: readonly { file: string; reason: string }[];
};

/** Pictures that come one batch after the other, as there may be more of them than memory holds. */
export type PictureStream = {
  size: number;
  /** How many come, those that cannot be read counted too. */
  count: number;
  /** Pictures that were made of each: itself, and random crops. */
  views: number;
  /** About as many at a time; `images` is (count, views, size, size, 3). */
  batches: (batchSize: number) => AsyncIterable<PictureSet> | Iterable<PictureSet>;
};

/** Pictures in memory as a stream. */
export function streamOf(pictures: PictureSet): PictureStream {
  const { size, count } = pictures;
  function* batches(batchSize: number): Generator<PictureSet> {
    for (let start = 0; start < count; start += batchSize) {
      yield slicePictures(pictures, start, Math.min(count, start + batchSize));
    }
  }
  return { size, count, views: 1, batches };
}

/** Some pictures that follow one another, from `start` to before `end`; not a copy. */
export function slicePictures(pictures: PictureSet, start: number, end: number): PictureSet {
  const { images, size, names, captions } = pictures;
  return {
    images: images.subarray(start * size * size * 3, end * size * size * 3),
    size,
    count: end - start,
    names: names.slice(start, end),
    ...(captions && { captions: captions.slice(start, end) }),
    skipped: [],
  };
}

/**
 * Pictures that stay where they are, on a disk or on other machines, and are decoded when they are asked for: as many as there
 * may be, never more than one batch of them is in memory.
 */
export type PictureSource = {
  size: number;
  count: number;
  /** How many pictures lie together, from the first on; `ShardOrder` reads them near one another. The sum is `count`. */
  parts: readonly number[];
  /** Over how many pictures an order may jump about without reading the same bytes time and again. */
  buffer: number;
  /** Changes when the pictures do, as far as can be told without reading them. */
  version(): string;
  nameOf(index: number): string;
  /**
   * Some pictures, (n, size, size, 3) RGB bytes, and their captions where they were asked for. In place of a picture that
   * cannot be read comes the next that can.
   */
  read(indices: Uint32Array | readonly number[]): Promise<{ images: Uint8Array; captions?: (readonly string[])[] }>;
  /** The first of those that could not be read so far. */
  skipped: readonly { file: string; reason: string }[];
};

export function isInMemory(pictures: PictureSet | PictureSource): pictures is PictureSet {
  return "images" in pictures;
}

/** Pictures in memory as a source. */
export function sourceOf({ images, size, count, names, captions, skipped }: PictureSet): PictureSource {
  const each = size * size * 3;
  return {
    size,
    count,
    parts: [count],
    buffer: count,
    skipped,
    version: () => createHash("sha256").update(names.join("\n")).digest("hex"),
    nameOf: (index) => names[index] ?? "",
    read: async (indices) => {
      const some = new Uint8Array(indices.length * each);
      for (const [row, index] of indices.entries())
        some.set(images.subarray(index * each, (index + 1) * each), row * each);
      return { images: some, ...(captions && { captions: Array.from(indices, (index) => captions[index] ?? []) }) };
    },
  };
}
