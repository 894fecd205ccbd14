// Apart from what reads files, which takes a tenth of a second to load.

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
  const { images, size, count, names, captions } = pictures;
  function* batches(batchSize: number): Generator<PictureSet> {
    for (let start = 0; start < count; start += batchSize) {
      const end = Math.min(count, start + batchSize);
      yield {
        images: images.subarray(start * size * size * 3, end * size * size * 3),
        size,
        count: end - start,
        names: names.slice(start, end),
        ...(captions && { captions: captions.slice(start, end) }),
        skipped: [],
      };
    }
  }
  return { size, count, views: 1, batches };
}
