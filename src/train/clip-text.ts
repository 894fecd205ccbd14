import { toPixels } from "../data/batches.ts";
import type { PictureSet } from "../data/picture-stream.ts";
import type { Clip } from "../models/clip.ts";
import { clipInput } from "../models/clip-images.ts";
import { ownRows } from "../distributed/group.ts";
import { normalize } from "../nn/functional.ts";
import { BatchOrder } from "../random.ts";
import { noGrad } from "../tensor/autograd.ts";
import { cat } from "../tensor/functions.generated.ts";
import { keep, tidy } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { captionsAt, groupsOf, tokensOf } from "./clip.ts";
import { clipLearner, type ClipStage, type ClipStageOptions } from "./clip-learner.ts";
import { groupCrossEntropy } from "./losses.ts";
import { seedOwnRows } from "./step-random.ts";

/**
 * The text tower alone (LiT, Zhai et al. 2022, arXiv 2111.07991): the picture tower is locked, so every picture is encoded once
 * and each caption has to find its pictures among all of them, not only among those of a batch. A step costs a
 * fraction of one of `clipStage`. Pictures of the same captions are equally right.
 * @throws Error when the pictures have no captions
 */
export function clipTextStage(options: ClipStageOptions): ClipStage {
  const { clip, pictures, config } = options;
  return clipLearner(options, ({ captions, device }) => {
    clip.visionModel.setTrainable(false);
    clip.visualProjection?.setTrainable(false);
    const groups = keep(Tensor.from(groupsOf(captions), [pictures.count], "int64").to(device));
    const order = new BatchOrder({ ...config, count: pictures.count });
    // With the weights of the first step that is done: those of a checkpoint, where the run goes on.
    let embeddings: Tensor | undefined;

    return (step) => {
      embeddings ??= embedPictures(clip, pictures); // (N, D)
      const { start: firstRow, length } = ownRows(config.batchSize);
      const indices = order.indicesAt(step).subarray(firstRow, firstRow + length);
      const chosen = captionsAt(captions, indices, { ...config, step, firstRow });
      seedOwnRows(step, { seed: config.seed, device });
      const texts = normalize(clip.encodeText(tokensOf(clip, chosen, { ...config, step, firstRow }))); // (B, D)
      const logits = texts.matmul(embeddings.t()).mul(clip.logitScale.to("float32").exp()); // (B, N)
      const own = groups.indexSelect(0, Tensor.from([...indices], [indices.length], "int64").to(device));
      return {
        loss: groupCrossEntropy(logits, own.unsqueeze(1).eq(groups)),
        accuracy: groups.indexSelect(0, logits.argmax(1)).eq(own).to("float32").mean(),
      };
    };
  });
}

const ENCODED_AT_ONCE = 64;

/** Unit embeddings of all pictures, (N, D). */
function embedPictures(clip: Clip, { images, size, count }: PictureSet): Tensor {
  const bytes = size * size * 3;
  const embed = (start: number): Tensor => {
    const end = Math.min(count, start + ENCODED_AT_ONCE);
    const batch = { count: end - start, size };
    const pixels = toPixels(images.subarray(start * bytes, end * bytes), batch, clip.logitScale.device);
    return normalize(clip.encodeImage(clipInput(pixels, clip.config)));
  };
  const starts = Array.from({ length: Math.ceil(count / ENCODED_AT_ONCE) }, (_, i) => i * ENCODED_AT_ONCE);
  clip.eval();
  try {
    return keep(noGrad(() => tidy(() => cat(starts.map((start) => tidy(() => embed(start)))))));
  } finally {
    clip.train();
  }
}
