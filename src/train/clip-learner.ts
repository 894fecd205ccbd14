import type { ClipTraining } from "../config.ts";
import type { PictureSet } from "../data/picture-stream.ts";
import type { Clip } from "../models/clip.ts";
import { Adam } from "../optim/adam.ts";
import { Ema } from "../optim/ema.ts";
import { scheduleOf } from "../optim/schedule.ts";
import { noGrad } from "../tensor/autograd.ts";
import { parseDevice } from "../tensor/engine.ts";
import { manualSeed } from "../tensor/random.ts";
import { tidy } from "../tensor/scope.ts";
import type { Device, Tensor } from "../tensor/tensor.ts";
import type { Stage } from "./loop.ts";
import { choosePrecision } from "./precision.ts";

/** The temperature may not fall below 1/100, as in CLIP (section 2.5). */
const MAX_LOGIT_SCALE = Math.log(100);

export type ClipStageOptions = { clip: Clip; pictures: PictureSet; config: ClipTraining };
export type ClipStage = Stage & { ema: Ema | undefined };

/** What a way of training CLIP says of a step: the loss, and the share of captions or pictures that were found. */
export type Judged = { loss: Tensor; accuracy: Tensor };

/**
 * What all ways of training a CLIP have in common, around the loss of a step: Adam, schedule, average, and a temperature with
 * a limit. Parameters that are not to learn are locked before.
 * @throws Error when the pictures have no captions
 */
export function clipLearner(
  { clip, pictures, config }: ClipStageOptions,
  judgeWith: (given: { captions: readonly (readonly string[])[]; device: Device }) => (step: number) => Judged,
): ClipStage {
  const { captions } = pictures;
  if (!captions) throw new Error("training CLIP needs pictures with captions; these have none");
  const device = parseDevice(config.device);
  manualSeed(config.seed, device);
  clip.to("float32").to(device).setComputeDtype(choosePrecision(config.precision, device).dtype).train();
  const judge = judgeWith({ captions, device });
  const optimizer = new Adam(clip.namedParameters(), config);
  const ema = config.ema > 0 ? new Ema(clip, { decay: config.ema }) : undefined;
  const rate = scheduleOf(config);

  const step = (number: number): Record<string, number> => {
    const { loss, accuracy } = judge(number);
    optimizer.zeroGrad();
    loss.backward();
    const lr = rate(number);
    const gradNorm = optimizer.step(lr, { maxNorm: config.clipGrad });
    noGrad(() => clip.logitScale.copy_(clip.logitScale.clamp(0, MAX_LOGIT_SCALE)));
    ema?.update();
    return {
      loss: loss.item(),
      lr,
      grad_norm: gradNorm,
      accuracy: accuracy.item(),
      logit_scale: clip.logitScale.item(),
    };
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
