import type { ClipTraining } from "../config.ts";
import type { PictureSet } from "../data/picture-stream.ts";
import { GradientAverage, meansOverProcesses } from "../distributed/group.ts";
import type { Clip } from "../models/clip.ts";
import { Adam } from "../optim/adam.ts";
import { Ema } from "../optim/ema.ts";
import { scheduleOf } from "../optim/schedule.ts";
import { BatchOrder } from "../random.ts";
import { noGrad } from "../tensor/autograd.ts";
import { parseDevice } from "../tensor/engine.ts";
import { manualSeed } from "../tensor/random.ts";
import { tidy } from "../tensor/scope.ts";
import type { Device, Tensor } from "../tensor/tensor.ts";
import { LossGuard } from "./guard.ts";
import type { Stage } from "./loop.ts";
import { choosePrecision } from "./precision.ts";
import { seedStep } from "./step-random.ts";

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
  const average = new GradientAverage(optimizer.parameters);
  const guard = new LossGuard(config);
  const order = new BatchOrder({ ...config, count: pictures.count });

  const step = (number: number, position: number): Record<string, number> => {
    seedStep(position, { seed: config.seed, device });
    const { loss, accuracy } = judge(position);
    optimizer.zeroGrad();
    average.during(() => loss.backward());
    average.finish();
    const lr = rate(number);
    const { loss: whole = Number.NaN } = meansOverProcesses({ loss: loss.item() }, device);
    guard.check(whole);
    const gradNorm = optimizer.step(lr, { maxNorm: config.clipGrad });
    noGrad(() => clip.logitScale.copy_(clip.logitScale.clamp(0, MAX_LOGIT_SCALE)));
    ema?.update();
    return {
      loss: whole,
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
    step: (number, position = number) => tidy(() => step(number, position)),
    batchNames: (position) => Array.from(order.indicesAt(position), (index) => pictures.names[index] ?? ""),
  };
}
