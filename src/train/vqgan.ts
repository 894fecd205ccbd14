import type { VqganTraining } from "../config.ts";
import { PictureBatches, croppedSize, fromPixels, toPixels } from "../data/batches.ts";
import { isInMemory, sourceOf, type PictureSet, type PictureSource } from "../data/picture-stream.ts";
import { spread } from "../data/rows.ts";
import { pictureGrid } from "../data/picture-grid.ts";
import {
  GradientAverage,
  gatherRows,
  meanOverProcesses,
  meansOverProcesses,
  sumInPlace,
} from "../distributed/group.ts";
import { NLayerDiscriminator } from "../models/discriminator.ts";
import { VectorQuantizer } from "../models/quantizer.ts";
import type { Vqgan } from "../models/vqgan.ts";
import { Adam } from "../optim/adam.ts";
import { Ema, withAverage } from "../optim/ema.ts";
import { scheduleOf } from "../optim/schedule.ts";
import { noGrad } from "../tensor/autograd.ts";
import { parseDevice } from "../tensor/engine.ts";
import { zeros } from "../tensor/functions.generated.ts";
import { Generator, manualSeed } from "../tensor/random.ts";
import { keep, tidy } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Sample, Stage } from "./loop.ts";
import type { Stateful } from "./checkpoints.ts";
import type { Metrics } from "./run-folder.ts";
import { LossGuard } from "./guard.ts";
import { Lecam } from "./lecam.ts";
import { choosePrecision } from "./precision.ts";
import { seedOwnRows } from "./step-random.ts";
import { autoencoderLoss, discriminatorLoss, firstDiscStep, type PerceptualLoss } from "./vqgan-loss.ts";

/**
 * The first stage of CLIP-GEN (section 3.1): VQGAN learns to put pictures into tokens and back, from pictures alone.
 * Autoencoder and discriminator take turns within a step (Esser et al., arXiv 2012.09841).
 */
export function vqganStage(options: {
  vqgan: Vqgan;
  pictures: PictureSet | PictureSource;
  config: VqganTraining;
  /** How different two batches of pictures look: LPIPS, or distances of CLIP's features. Without it only pixels count. */
  perceptual?: PerceptualLoss | undefined;
  /** Whether its codes are random still, so that the first step is to place them. Default true. */
  untrained?: boolean;
}): Stage & { ema: Ema | undefined } {
  const { vqgan, pictures, config, perceptual, untrained = true } = options;
  requireWholeTokens(vqgan, pictures.size, config.crop);
  const device = parseDevice(config.device);
  manualSeed(config.seed, device);
  const { dtype } = choosePrecision(config.precision, device);
  vqgan.to("float32").to(device).setComputeDtype(dtype).train();
  // Without a weight there is no discriminator, and its time is saved.
  const discriminator =
    config.discWeight > 0
      ? new NLayerDiscriminator({ inputNc: 3, ndf: config.discNdf, nLayers: config.discLayers, useActnorm: false })
          .to(device)
          .setComputeDtype(dtype)
          .train()
      : undefined;
  const optimizer = new Adam(vqgan.namedParameters(), config);
  const lecam = discriminator && config.lecamWeight > 0 ? new Lecam({ weight: config.lecamWeight, device }) : undefined;
  const discOptimizer = discriminator && new Adam(discriminator.namedParameters(), config);
  const ema = config.ema > 0 ? new Ema(vqgan, { decay: config.ema }) : undefined;
  const rate = scheduleOf(config);
  const average = new GradientAverage(optimizer.parameters);
  const discAverage = discOptimizer && new GradientAverage(discOptimizer.parameters);
  const guard = new LossGuard(config);
  const batches = new PictureBatches(pictures, { ...config, device });
  const codes = new CodeUsage(vqgan, { ...config, untrained });

  const step = (number: number, position: number): Metrics => {
    const { images } = batches.at(position);
    seedOwnRows(position, { seed: config.seed, device });
    const lr = rate(number);
    // Before its start the discriminator changes nothing, so the autoencoder is spared the work.
    const adversary = number >= config.discStart ? discriminator : undefined;

    const { reconstruction, loss: codebookLoss, indices, z } = vqgan.forward(images);
    const lastLayer = vqgan.lastLayer;
    const judged = {
      images,
      reconstruction,
      codebookLoss,
      lastLayer,
      discriminator: adversary,
      perceptual,
      step: number,
    };
    const { loss, metrics } = autoencoderLoss(judged, config);
    optimizer.zeroGrad();
    average.during(() => loss.backward());
    average.finish();
    const { loss: whole = Number.NaN } = meansOverProcesses({ loss: loss.item() }, device);
    guard.check(whole);
    const gradNorm = optimizer.step(lr, { maxNorm: config.clipGrad });
    ema?.update();

    if (discriminator && discOptimizer && number >= firstDiscStep(config)) {
      const judgement = discriminatorLoss({ images, reconstruction, discriminator, lecam, step: number }, config);
      discOptimizer.zeroGrad();
      discAverage?.during(() => judgement.loss.backward());
      discAverage?.finish();
      discOptimizer.step(lr, { maxNorm: config.clipGrad });
      Object.assign(metrics, judgement.metrics);
    }
    const { share: codesInUse, revived } = codes.track(number, indices, z.detach());
    if (revived) ema?.restart("quantize.embedding.weight");
    const error = meanOverProcesses(images.sub(reconstruction.detach()).mul(0.5).square().mean());
    const psnr = -10 * Math.log10(error.item());
    const values = Object.entries(metrics).map(([name, value]) => [name, value.item()]);
    return { loss: whole, lr, grad_norm: gradNorm, psnr, codes: codesInUse, ...Object.fromEntries(values) };
  };

  return {
    name: "vqgan",
    batchSize: config.batchSize,
    device,
    ema,
    parts: {
      model: vqgan,
      optimizer,
      codes,
      ...(ema && { ema }),
      ...(discriminator && discOptimizer && { discriminator, disc_optimizer: discOptimizer }),
      ...(lecam && { lecam }),
    },
    load: (position) => batches.load(position),
    step: (number, position = number) => tidy(() => step(number, position)),
    badness: ({ psnr = Number.NaN }) => -psnr,
    batchNames: (position) => batches.namesAt(position),
    samples: async () => [await reconstructionSample(vqgan, pictures, ema)],
  };
}

/** What a crop leaves has to divide into tokens. */
function requireWholeTokens(vqgan: Vqgan, size: number, crop: number): void {
  const [left, token] = [croppedSize(size, crop), vqgan.config.resolution / vqgan.tokenGrid()];
  if (left % token === 0) return;
  throw new RangeError(
    `crop ${crop} leaves ${left} of ${size} pixels a side, which do not divide into tokens of ${token}×${token}; ` +
      `take 0, or a multiple of ${token / size}`,
  );
}

/** Counts which codes are used, and gives those that nobody uses a new place. */
class CodeUsage implements Stateful {
  readonly #every: number;
  readonly #until: number;
  readonly #seed: number;
  readonly #untrained: boolean;
  readonly #used: Tensor;
  readonly #quantizer: VectorQuantizer;

  constructor(
    vqgan: Vqgan,
    config: Pick<VqganTraining, "reviveEvery" | "reviveUntil" | "seed" | "steps"> & { untrained: boolean },
  ) {
    const { quantize } = vqgan;
    if (!(quantize instanceof VectorQuantizer)) {
      throw new Error("a VQGAN with a Gumbel quantizer can be used, but not trained");
    }
    this.#quantizer = quantize;
    this.#every = config.reviveEvery;
    this.#until = config.reviveUntil * config.steps;
    this.#seed = config.seed;
    this.#untrained = config.untrained;
    this.#used = keep(zeros([vqgan.config.codebookSize], { dtype: "int64", device: vqgan.lastLayer.device }));
  }

  /** The share of codes in use since they were last counted anew, and whether some were moved. */
  track(step: number, indices: Tensor, z: Tensor): { share: number; revived: boolean } {
    const usage = this.#quantizer.usage(indices);
    sumInPlace(usage);
    noGrad(() => this.#used.add_(usage));
    const share = this.#used.gt(0).to("float32").mean().item();
    // The first step puts the whole codebook among the latents: random codes would leave most of it unused.
    const first = step === 0 && this.#untrained;
    const due = first || ((step + 1) % this.#every === 0 && step < this.#until);
    const revived = this.#every > 0 && due;
    if (revived) {
      using generator = new Generator(this.#seed + step, z.device);
      if (first) this.#used.zero_();
      this.#quantizer.reviveDeadCodes(gatherRows(z), this.#used, generator);
      this.#used.zero_();
    }
    return { share, revived };
  }

  stateDict(): Map<string, Tensor> {
    return new Map([["used", this.#used]]);
  }

  loadStateDict(state: ReadonlyMap<string, Tensor>): void {
    const used = state.get("used");
    if (used) this.#used.copy_(used);
  }
}

const SHOWN = 8;

/** A few pictures above their reconstructions. */
async function reconstructionSample(
  vqgan: Vqgan,
  pictures: PictureSet | PictureSource,
  ema: Ema | undefined,
): Promise<Sample> {
  const { size } = pictures;
  const rows = spread(pictures.count, SHOWN);
  const count = rows.length;
  const source = isInMemory(pictures) ? sourceOf(pictures) : pictures;
  const { images: originals } = await source.read(rows);
  const draw = (): Uint8Array =>
    noGrad(() =>
      tidy(() =>
        fromPixels(vqgan.forward(toPixels(originals, { count, size }, vqgan.lastLayer.device)).reconstruction),
      ),
    );
  vqgan.eval();
  let reconstructions: Uint8Array;
  try {
    reconstructions = await withAverage(ema, draw);
  } finally {
    vqgan.train();
  }
  const grid = await pictureGrid(Buffer.concat([originals, reconstructions]), { size, columns: count });
  return { name: "reconstruction", ...grid };
}
