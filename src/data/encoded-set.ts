import { concat } from "./rows.ts";

/** What all pictures of an encoded set have in common. */
export type EncodedSizes = {
  views: number;
  /** Tokens a side of the grid: [h, w]. */
  grid: readonly [number, number];
  codebookSize: number;
  embedDim: number;
};

/**
 * Pictures as the GPT sees them: tokens and CLIP embeddings. CLIP and VQGAN are frozen by then, so every picture is
 * encoded once and not in every epoch. A picture has several views where it was also encoded mirrored or cropped; the first
 * is the picture itself.
 */
export type EncodedSet = EncodedSizes & {
  count: number;
  /** (count, views, h·w) */
  tokens: Int32Array;
  /** (count, views, embedDim), L2-normalised. */
  embeddings: Float32Array;
  names: readonly string[];
  /** (count, views, size, size, 3) RGB bytes, where the objective compares pictures. */
  pictures?: { images: Uint8Array; size: number };
  captions?: readonly (readonly string[])[];
};

/** Batches of one kind as one set. */
export function joinEncoded(batches: readonly EncodedSet[]): EncodedSet {
  const [first] = batches;
  if (!first) throw new RangeError("there are no encoded pictures to join");
  const joined: EncodedSet = {
    ...first,
    count: batches.reduce((sum, { count }) => sum + count, 0),
    tokens: concat(
      batches.map(({ tokens }) => tokens),
      Int32Array,
    ),
    embeddings: concat(
      batches.map(({ embeddings }) => embeddings),
      Float32Array,
    ),
    names: batches.flatMap(({ names }) => names),
  };
  if (first.captions) joined.captions = batches.flatMap(({ captions = [] }) => captions);
  if (first.pictures) {
    const images = concat(
      batches.flatMap(({ pictures }) => (pictures ? [pictures.images] : [])),
      Uint8Array,
    );
    joined.pictures = { ...first.pictures, images };
  }
  return joined;
}
