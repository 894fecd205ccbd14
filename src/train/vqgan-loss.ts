import { meanOverProcesses } from "../distributed/group.ts";
import { noGrad, grad } from "../tensor/autograd.ts";
import type { Parameter } from "../tensor/parameter.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { NLayerDiscriminator } from "../models/discriminator.ts";
import type { Lecam } from "./lecam.ts";

/**
 * The loss of VQGAN (Esser et al., arXiv 2012.09841, equations 5 to 7), as `VQLPIPSWithDiscriminator` in
 * CompVis/taming-transformers, with its names for weights and metrics.
 */
export type VqganLossConfig = {
  pixelLoss: "l1" | "l2";
  /** Weight of how different the pictures look; 1 in the paper. */
  perceptualWeight: number;
  codebookWeight: number;
  discLoss: "hinge" | "vanilla";
  /** Weight of the adversarial loss, on top of the adaptive one; 0.8 in the paper. */
  discWeight: number;
  /** Step from which the autoencoder learns from the discriminator. */
  discStart: number;
  /** For how many steps before that the discriminator already learns; 0 in the paper. */
  discWarmup: number;
};

/** Numbers to log, under taming-transformers' names. Tensors are scalars without a gradient. */
export type LossMetrics = Record<string, Tensor>;

/** (pictures, reconstructions), both (B, 3, H, W) in [−1, 1] → distances, (B) or their mean: LPIPS, or distances of features. */
export type PerceptualLoss = (images: Tensor, reconstruction: Tensor) => Tensor;

/**
 * What the autoencoder learns from: pixels, looks, codebook, and how real the discriminator takes its pictures for.
 * Back-propagating the result leaves no gradient in the discriminator.
 * @param inputs.images (B, 3, H, W) in [−1, 1]
 * @param inputs.codebookLoss scalar, from the quantiser
 * @param inputs.lastLayer the decoder's last weight, at which the losses are balanced
 * @param inputs.discriminator without one (or before `discStart`, to save its time) there is no adversarial term
 * @param inputs.step counted from 0
 */
export function autoencoderLoss(
  inputs: {
    images: Tensor;
    reconstruction: Tensor;
    codebookLoss: Tensor;
    lastLayer: Parameter;
    discriminator?: NLayerDiscriminator | undefined;
    perceptual?: PerceptualLoss | undefined;
    step: number;
  },
  config: VqganLossConfig,
): { loss: Tensor; metrics: LossMetrics } {
  const { images, reconstruction, codebookLoss, lastLayer, discriminator, perceptual, step } = inputs;
  const difference = images.sub(reconstruction);
  const pixels = (config.pixelLoss === "l1" ? difference.abs() : difference.square()).mean();
  const looks = perceptual?.(images, reconstruction).mean();
  const recLoss = looks ? pixels.add(looks.mul(config.perceptualWeight)) : pixels;
  const vqLoss = recLoss.add(codebookLoss.mul(config.codebookWeight));
  const metrics: LossMetrics = {
    rec_loss: recLoss.detach(),
    quant_loss: codebookLoss.detach(),
    ...(looks && { p_loss: looks.detach() }),
  };
  if (!discriminator) return { loss: vqLoss, metrics: { ...metrics, total_loss: vqLoss.detach() } };

  const gLoss = generatorLoss(withoutLearning(discriminator, () => discriminator.forward(reconstruction)));
  const dWeight = adaptiveWeight(recLoss, gLoss, lastLayer).mul(config.discWeight);
  const loss = vqLoss.add(gLoss.mul(dWeight).mul(discFactor(step, config)));
  return {
    loss,
    metrics: { ...metrics, g_loss: gLoss.detach(), d_weight: dWeight, total_loss: loss.detach() },
  };
}

/**
 * What the discriminator learns from: to tell pictures from reconstructions. Exactly 0 before its first step, which is
 * `discWarmup` before `discStart`.
 * The two batches pass it one after the other, so that BatchNorm takes the statistics of each by itself.
 * @param inputs.lecam what to keep its opinions near to
 */
export function discriminatorLoss(
  inputs: {
    images: Tensor;
    reconstruction: Tensor;
    discriminator: NLayerDiscriminator;
    lecam?: Lecam | undefined;
    step: number;
  },
  config: Pick<VqganLossConfig, "discLoss" | "discStart" | "discWarmup">,
): { loss: Tensor; metrics: LossMetrics } {
  const { images, reconstruction, discriminator, lecam, step } = inputs;
  const logitsReal = discriminator.forward(images.detach());
  const logitsFake = discriminator.forward(reconstruction.detach());
  const judge = config.discLoss === "hinge" ? hingeLoss : vanillaLoss;
  const opinion = judge(logitsReal, logitsFake);
  const kept = lecam ? opinion.add(lecam.loss(logitsReal, logitsFake)) : opinion;
  const loss = kept.mul(discFactor(step, { discStart: firstDiscStep(config) }));
  return {
    loss,
    metrics: {
      disc_loss: loss.detach(),
      logits_real: logitsReal.detach().mean(),
      logits_fake: logitsFake.detach().mean(),
    },
  };
}

/** ½ (E max(0, 1 − real) + E max(0, 1 + fake)). Logits of any shape → scalar */
export function hingeLoss(logitsReal: Tensor, logitsFake: Tensor): Tensor {
  const real = logitsReal.neg().add(1).relu().mean();
  const fake = logitsFake.add(1).relu().mean();
  return real.add(fake).mul(0.5);
}

/** ½ (E log(1 + e^−real) + E log(1 + e^fake)), the loss of the first GAN. Logits of any shape → scalar */
export function vanillaLoss(logitsReal: Tensor, logitsFake: Tensor): Tensor {
  const real = logitsReal.neg().softplus().mean();
  const fake = logitsFake.softplus().mean();
  return real.add(fake).mul(0.5);
}

/** −E fake: the generator wants its pictures to be taken for real. Logits of any shape → scalar */
export function generatorLoss(logitsFake: Tensor): Tensor {
  return logitsFake.mean().neg();
}

/**
 * λ = ‖∇ reconstruction loss‖ / (‖∇ generator loss‖ + 1e-4) at the decoder's last layer, at most 10,000: both losses pull
 * with the same force there (equation 7), of several processes over the whole batch. Scalar without a gradient.
 */
export function adaptiveWeight(recLoss: Tensor, gLoss: Tensor, lastLayer: Parameter): Tensor {
  const pull = (loss: Tensor): Tensor => {
    const [gradient] = grad([loss], [lastLayer], { retainGraph: true });
    if (!gradient) throw new Error("the loss does not depend on the decoder's last layer");
    return meanOverProcesses(gradient).vectorNorm();
  };
  return noGrad(() => pull(recLoss).div(pull(gLoss).add(1e-4)).clamp(0, 1e4));
}

/** The step from which the discriminator learns. */
export function firstDiscStep({ discStart, discWarmup }: Pick<VqganLossConfig, "discStart" | "discWarmup">): number {
  return Math.max(0, discStart - discWarmup);
}

/** 0 before the step, 1 from then on. */
function discFactor(step: number, config: Pick<VqganLossConfig, "discStart">): number {
  return step < config.discStart ? 0 : 1;
}

/** Runs a network so that only its input gets a gradient. */
function withoutLearning<T>(network: NLayerDiscriminator, run: () => T): T {
  network.setTrainable(false);
  try {
    return run();
  } finally {
    network.setTrainable(true);
  }
}
