import { PictureBatches } from "../data/batches.ts";
import { varyCaption } from "../data/caption-variations.ts";
import type { SkipMerge } from "../io/tokenizers/clip-tokenizer.ts";
import type { Clip } from "../models/clip.ts";
import { Random } from "../random.ts";
import { clipInput } from "../models/clip-images.ts";
import { gatherRows } from "../distributed/group.ts";
import { normalize } from "../nn/functional.ts";
import { resizeBicubic } from "../nn/resize.ts";
import { cat } from "../tensor/functions.generated.ts";
import { Tensor } from "../tensor/tensor.ts";
import { clipLearner, type ClipStage, type ClipStageOptions } from "./clip-learner.ts";
import { groupedContrastiveLoss } from "./losses.ts";
import { randnRows, seedOwnRows } from "./step-random.ts";

/**
 * Contrastive training of a CLIP of one's own (Radford et al. 2021, figure 3): in every batch, each picture has to find
 * its sentence among all, and each sentence its picture. For those who have no CLIP for their field.
 * @throws Error when the pictures have no captions
 */
export function clipStage(options: ClipStageOptions): ClipStage {
  const { clip, pictures, config } = options;
  const softened = Math.round(config.soften * config.batchSize);
  return clipLearner(options, ({ captions, device }) => {
    const batches = new PictureBatches(pictures, { ...config, device });
    const groups = groupsOf(captions);

    return (step) => {
      const { images, indices, firstRow } = batches.at(step);
      const blurred = Math.min(Math.max(softened - firstRow, 0), indices.length);
      const shown = soften(images, blurred, new Random(config.seed, "soften", step));
      // The caption of a softened picture says so.
      const told = captionsAt(captions, indices, { ...config, step, firstRow }).map((caption, row) =>
        row < blurred ? `a blurry picture of ${caption}` : caption,
      );
      const own = Tensor.from(
        Array.from(indices, (index) => groups[index] ?? -1),
        [indices.length],
        "int64",
      ).to(device);
      seedOwnRows(step, { seed: config.seed, device });
      const imageEmbedding = normalize(clip.encodeImage(clipInput(shown, clip.config))); // (B / n, D)
      const textEmbedding = normalize(clip.encodeText(tokensOf(clip, told, { ...config, step, firstRow })));
      // Among those of all processes: the more wrong answers, the better what is learnt.
      const scale = clip.logitScale.to("float32").exp();
      const perImage = imageEmbedding.matmul(gatherRows(textEmbedding).t()).mul(scale); // (B / n, B)
      const perText = textEmbedding.matmul(gatherRows(imageEmbedding).t()).mul(scale);
      return {
        loss: groupedContrastiveLoss({ perImage, perText }, own),
        accuracy: gatherRows(own).indexSelect(0, perImage.argmax(1)).eq(own).to("float32").mean(),
      };
    };
  });
}

/** One of each picture's captions, another one every time, and some of them in other words. */
export function captionsAt(
  captions: readonly (readonly string[])[],
  indices: Uint32Array,
  { seed, step, firstRow, varyCaptions }: { seed: number; step: number; firstRow: number; varyCaptions: number },
): string[] {
  return Array.from(indices, (index, row) => {
    const random = new Random(seed, "captions", step, firstRow + row);
    const caption = random.pick(captions[index] ?? [""]);
    return varyCaptions > 0 && random.chance(varyCaptions) ? varyCaption(caption, random) : caption;
  });
}

/** Captions as ids, (B, T), some of them in smaller pieces than they need be (BPE-dropout, arXiv 1910.13267). */
export function tokensOf(
  clip: Clip,
  captions: readonly string[],
  { seed, step, firstRow, mergeDropout }: { seed: number; step: number; firstRow: number; mergeDropout: number },
): Tensor {
  if (mergeDropout === 0) return clip.tokenize(captions);
  const skipMergeOf = (row: number): SkipMerge => {
    const random = new Random(seed, "merges", step, firstRow + row);
    return () => random.chance(mergeDropout);
  };
  return clip.tokenize(captions, { skipMergeOf });
}

/** Pictures with the same captions are of one group: ten photographs of a banana are no wrong answers to one another. */
export function groupsOf(captions: readonly (readonly string[])[]): number[] {
  const numbers = new Map<string, number>();
  return captions.map((own) => {
    const key = own.join("\n");
    const number = numbers.get(key) ?? numbers.size;
    numbers.set(key, number);
    return number;
  });
}

/**
 * The first `count` pictures of a batch with a part of their detail lost and grain in its place. A CLIP that is to rank
 * drawn pictures has to tell a clear shape from a doubtful one, and sharp photographs alone do not teach that.
 * (B, 3, H, W) in [−1, 1] → the same
 */
function soften(images: Tensor, count: number, random: Random): Tensor {
  const [batch, height, width] = [images.size(0), images.size(2), images.size(3)];
  if (count === 0) return images;
  const kept = random.between(0.3, 0.8);
  const small = resizeBicubic(images.narrow(0, 0, count), [Math.ceil(height * kept), Math.ceil(width * kept)]);
  const soft = resizeBicubic(small, [height, width]);
  const grain = randnRows(images.shape, { device: soft.device }).narrow(0, 0, count);
  const grained = soft.add(grain, { alpha: random.between(0, 0.2) }).clamp(-1, 1);
  return cat([grained, images.narrow(0, count, batch - count)]);
}
