import { fromPixels, toPixels } from "../../data/batches.ts";
import type { EncodedSet } from "../../data/encoded.ts";
import type { PictureSet, PictureStream } from "../../data/pictures.ts";
import { gather } from "../../data/rows.ts";
import type { Clip } from "../../models/clip.ts";
import { clipInput } from "../../models/clip-images.ts";
import type { Vqgan } from "../../models/vqgan.ts";
import { noGrad } from "../../tensor/autograd.ts";
import { tidy } from "../../tensor/scope.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { nearestPictures } from "../distributions.ts";

// What a sentence finds among the training pictures: a generator that only remembered could do no better. N pictures, D
// width of CLIP's space.

export type Retrieved = {
  /** Which one it is: of the encoded pictures, or of those that could be read. */
  index: number;
  name: string;
  /** (size, size, 3) RGB bytes. */
  pixels: Uint8Array;
  size: number;
  /** Cosine between CLIP's embeddings of the sentence and of the picture. */
  score: number;
};

/**
 * The closest of encoded pictures, each as it is and not mirrored or cropped. Where the set was written without its
 * pictures, the one that is found is decoded from its tokens; the score is that of the picture before it was encoded.
 * @param condition (1, D)
 * @throws Error when the set has no pictures and there is no VQGAN
 */
export function retrieveEncoded(condition: Tensor, data: EncodedSet, vqgan?: Vqgan): Retrieved {
  const { count, views, embedDim, names, grid, tokens, pictures } = data;
  return noGrad(() =>
    tidy(() => {
      const first = Array.from({ length: count }, (_, i) => i * views);
      const own = gather(new Float32Array(count * embedDim), data.embeddings, first);
      const { index, score } = nearest(condition, Tensor.from(own, [count, embedDim]).to(condition.device));
      const found = { index, name: names[index] ?? "", score };
      if (pictures) return { ...found, size: pictures.size, pixels: viewOf(pictures, index * views) };
      if (!vqgan) {
        throw new Error(
          "these pictures were encoded without the pictures themselves: give the VQGAN that encoded them",
        );
      }
      const length = grid[0] * grid[1];
      const indices = Tensor.from(tokens.slice(index * views * length).subarray(0, length), [1, ...grid]).to("int64");
      const decoded = vqgan.decode(indices.to(condition.device));
      return { ...found, size: decoded.size(2), pixels: fromPixels(decoded) };
    }),
  );
}

/**
 * The closest of pictures as they are read; memory does not grow with them.
 * @param condition (1, D)
 * @throws Error when none can be read; the signal's reason when it is aborted
 */
export async function retrievePicture(
  condition: Tensor,
  stream: PictureStream,
  options: {
    clip: Clip;
    /** Pictures at a time. Default 64. */
    batchSize?: number;
    onProgress?: (done: number, total: number) => void;
    onSkipped?: (skipped: PictureSet["skipped"]) => void;
    signal?: AbortSignal | undefined;
  },
): Promise<Retrieved> {
  const { clip, batchSize = 64, onProgress, onSkipped, signal } = options;
  let best: Retrieved | undefined;
  let [read, done] = [0, 0];
  for await (const batch of stream.batches(batchSize)) {
    signal?.throwIfAborted();
    const found = batch.count > 0 ? nearestOf(condition, batch, { clip, views: stream.views }) : undefined;
    if (found && found.score > (best?.score ?? -Infinity)) best = { ...found, index: read + found.index };
    if (batch.skipped.length > 0) onSkipped?.(batch.skipped);
    read += batch.count;
    done += batch.count + batch.skipped.length;
    onProgress?.(done, stream.count);
  }
  if (!best) throw new Error("there are no pictures to look among");
  return best;
}

function nearestOf(condition: Tensor, batch: PictureSet, { clip, views }: { clip: Clip; views: number }): Retrieved {
  const { count, size, images, names } = batch;
  return noGrad(() =>
    tidy(() => {
      const pixels = toPixels(images, { count: count * views, size }, condition.device);
      const own = pixels.reshape([count, views, 3, size, size]).select(1, 0); // (N, 3, H, W)
      const { index, score } = nearest(condition, clip.encodeImage(clipInput(own, clip.config)));
      return { index, name: names[index] ?? "", size, score, pixels: viewOf(batch, index * views) };
    }),
  );
}

/** The row of embeddings (N, D) that is closest to a condition (1, D). */
function nearest(condition: Tensor, embeddings: Tensor): { index: number; score: number } {
  const [found] = nearestPictures(condition, embeddings);
  if (!found) throw new RangeError("a condition has one row at least");
  return { index: found.index, score: found.similarity };
}

function viewOf({ images, size }: { images: Uint8Array; size: number }, row: number): Uint8Array {
  const bytes = size * size * 3;
  return images.slice(row * bytes, (row + 1) * bytes);
}
