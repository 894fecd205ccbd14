import { vqganTraining, type VqganTraining } from "../src/config.ts";
import type { PictureSet } from "../src/data/pictures.ts";
import { Random } from "../src/random.ts";
import { NLayerDiscriminator } from "../src/models/discriminator.ts";
import { Vqgan } from "../src/models/vqgan.ts";
import { vqganPresets, type VqganConfig } from "../src/models/vqgan-config.ts";
import { noGrad } from "../src/tensor/autograd.ts";
import { zeros } from "../src/tensor/functions.generated.ts";
import { vqganStage } from "../src/train/vqgan.ts";
import { precisions, type Context, type Precision } from "./context.ts";
import { countFlops } from "./flops.ts";
import type { Measurement } from "./measure.ts";
import { compareSteps } from "./training-step.ts";

const BATCH = 16;

/** A step of `train vqgan` as it is, autoencoder and discriminator, without a perceptual loss. */
export async function measureVqgan(context: Context): Promise<Measurement[]> {
  const results: Measurement[] = [];
  for (const precision of precisions()) results.push(await measurePrecision(context, precision));
  return results;
}

async function measurePrecision(context: Context, precision: Precision): Promise<Measurement> {
  const model = vqganPresets.small64;
  using vqgan = new Vqgan(model);
  const config = vqganTraining.parse({ batchSize: BATCH, precision, discStart: 0, reviveEvery: 0, flip: false });
  const stage = vqganStage({ vqgan, pictures: randomPictures(64, model.resolution), config });
  let number = 0;
  return await compareSteps(context, {
    name: `VQGAN small64, ${BATCH} pictures of ${model.resolution}², ${precision}`,
    flops: stepFlops(model, config),
    items: { count: BATCH, name: "pictures" },
    precision,
    step: () => void stage.step(number++),
    peer: { workload: "vqgan", settings: { model, training: config, batch: BATCH, dtype: precision } },
    plan: { rounds: 20, count: 1, seconds: 45 / precisions().length },
  });
}

/**
 * Forward × 3 for all that learns. The discriminator judges pictures and reconstructions to learn (3 × 2), and once more
 * for the autoencoder: forwards, and backwards to its input alone, for the adaptive weight and for the loss (3).
 */
function stepFlops(model: VqganConfig, config: VqganTraining): number {
  const { discNdf: ndf, discLayers: nLayers } = config;
  using vqgan = new Vqgan(model);
  using discriminator = new NLayerDiscriminator({ inputNc: 3, ndf, nLayers, useActnorm: false });
  const images = [BATCH, 3, model.resolution, model.resolution];
  const autoencoder = countFlops(() => noGrad(() => void vqgan.forward(zeros(images))));
  const judgement = countFlops(() => noGrad(() => void discriminator.forward(zeros(images))));
  return 3 * autoencoder + 9 * judgement;
}

function randomPictures(count: number, size: number): PictureSet {
  const random = new Random(0, "bench");
  return {
    images: Uint8Array.from({ length: count * size * size * 3 }, () => random.int(256)),
    size,
    count,
    names: Array.from({ length: count }, (_, i) => String(i)),
    skipped: [],
  };
}
