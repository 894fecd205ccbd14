import { clipInput } from "../models/clip-images.ts";
import type { Clip } from "../models/clip.ts";
import { Lpips } from "../models/lpips.ts";
import { parseDevice } from "../tensor/engine.ts";
import { noGrad } from "../tensor/autograd.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { choosePrecision, type Precision } from "./precision.ts";
import type { PerceptualLoss } from "./vqgan-loss.ts";

/**
 * How different two batches of pictures look: LPIPS where its weights are given, else the distance of CLIP's patch
 * features, else nothing. VGG's weights are not everyone's; a CLIP is at hand in every run.
 */
export function perceptualLoss(options: {
  lpips?: string | undefined;
  clip?: Clip | undefined;
  device: string;
  precision: Precision;
}): PerceptualLoss | undefined {
  const device = parseDevice(options.device);
  const { dtype } = choosePrecision(options.precision, device);
  if (options.lpips !== undefined) {
    const lpips = Lpips.fromFile(options.lpips).to(device).setComputeDtype(dtype).eval().setTrainable(false);
    return (images, reconstruction) => lpips.forward(images, reconstruction);
  }
  const { clip } = options;
  if (!clip) return undefined;
  clip.to(device).setComputeDtype(dtype).eval().setTrainable(false);
  return (images, reconstruction) => clipFeatureDistance(clip, images, reconstruction);
}

/** Mean square between the normalised patch features of CLIP's layers. (B, 3, H, W) twice → scalar */
function clipFeatureDistance(clip: Clip, images: Tensor, reconstruction: Tensor): Tensor {
  const features = (pictures: Tensor): Tensor[] => clip.visionModel.features(clipInput(pictures, clip.config));
  const wanted = noGrad(() => features(images));
  return features(reconstruction)
    .map((layer, i) =>
      layer
        .sub(wanted[i] ?? layer)
        .square()
        .mean(),
    )
    .reduce((sum, term) => sum.add(term));
}
