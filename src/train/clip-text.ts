import type { ClipTraining } from "../config.ts";
import { toPixels } from "../data/batches.ts";
import type { PictureSet } from "../data/picture-stream.ts";
import type { Clip } from "../models/clip.ts";
import { clipInput } from "../models/clip-images.ts";
import { normalize } from "../nn/functional.ts";
import { Adam } from "../optim/adam.ts";
import { Ema } from "../optim/ema.ts";
import { scheduleOf } from "../optim/schedule.ts";
import { BatchOrder } from "../random.ts";
import { noGrad } from "../tensor/autograd.ts";
import { parseDevice } from "../tensor/engine.ts";
import { cat } from "../tensor/functions.generated.ts";
import { manualSeed } from "../tensor/random.ts";
import { keep, tidy } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { captionsAt, groupsOf, MAX_LOGIT_SCALE } from "./clip.ts";
import type { Stage } from "./loop.ts";
import { choosePrecision } from "./precision.ts";

/**
 * The text tower alone (LiT, Zhai et al. 2022, arXiv 2111.07991): the picture tower is locked, so every picture is encoded once
 * and each caption has to find its pictures among all of them, not only among those of a batch. A step costs a
 * fraction of one of `clipStage`. Pictures of the same captions are equally right.
 * @throws Error when the pictures have no captions
 */
export function clipTextStage(options: {
  clip: Clip;
  pictures: PictureSet;
  config: ClipTraining;
}): Stage & { ema: Ema | undefined } {
  const { clip, pictures, config } = options;
  const { captions } = pictures;
  if (!captions) throw new Error("training CLIP needs pictures with captions; these have none");
  const device = parseDevice(config.device);
  manualSeed(config.seed, device);
  clip.to("float32").to(device).setComputeDtype(choosePrecision(config.precision, device).dtype).train();
  const groups = keep(Tensor.from(groupsOf(captions), [pictures.count], "int64").to(device));
  clip.visionModel.setTrainable(false);
  clip.visualProjection?.setTrainable(false);
  const optimizer = new Adam(clip.namedParameters(), config);
  const ema = config.ema > 0 ? new Ema(clip, { decay: config.ema }) : undefined;
  const rate = scheduleOf(config);
  const order = new BatchOrder({ ...config, count: pictures.count });

  // With the weights of the first step that is done: those of a checkpoint, where the run goes on.
  let embeddings: Tensor | undefined;

  const step = (number: number): Record<string, number> => {
    embeddings ??= embedPictures(clip, pictures); // (N, D)
    const indices = order.indicesAt(number);
    const chosen = captionsAt(captions, indices, { ...config, step: number });
    const texts = normalize(clip.encodeText(clip.tokenize(chosen).to(device))); // (B, D)
    const logits = texts.matmul(embeddings.t()).mul(clip.logitScale.to("float32").exp()); // (B, N)
    const own = groups.indexSelect(0, Tensor.from([...indices], [indices.length], "int64").to(device));
    const right = own.unsqueeze(1).eq(groups).to("float32"); // (B, N)
    const wanted = right.div(right.sum([1], true));
    const loss = wanted.mul(logits.logSoftmax(-1)).sum([1]).mean().neg();
    optimizer.zeroGrad();
    loss.backward();
    const lr = rate(number);
    const gradNorm = optimizer.step(lr, { maxNorm: config.clipGrad });
    noGrad(() => clip.logitScale.copy_(clip.logitScale.clamp(0, MAX_LOGIT_SCALE)));
    ema?.update();
    const accuracy = groups.indexSelect(0, logits.argmax(1)).eq(own).to("float32").mean().item();
    return { loss: loss.item(), lr, grad_norm: gradNorm, accuracy, logit_scale: clip.logitScale.item() };
  };

  return {
    name: "clip",
    batchSize: config.batchSize,
    device,
    ema,
    parts: { model: clip, optimizer, ...(ema && { ema }) },
    step: (number) => tidy(() => step(number)),
  };
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
