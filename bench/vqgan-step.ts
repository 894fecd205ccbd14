import { vqganTraining, type VqganTraining } from "../src/config.ts";
import type { PictureSet } from "../src/data/pictures.ts";
import { Random } from "../src/random.ts";
import { NLayerDiscriminator } from "../src/models/discriminator.ts";
import { Vqgan } from "../src/models/vqgan.ts";
import { vqganPresets, type VqganConfig } from "../src/models/vqgan-config.ts";
import { noGrad } from "../src/tensor/autograd.ts";
import { zeros } from "../src/tensor/functions.generated.ts";
import { vqganStage } from "../src/train/vqgan.ts";
import { bestPrecision, type Context } from "./context.ts";
import { countFlops } from "./flops.ts";
import type { Measurement } from "./measure.ts";
import { compareWork, trainingPeers } from "./training-step.ts";

const networks = [
  { name: "small64", batch: 64, seconds: 60 },
  { name: "paper", batch: 2, seconds: 90 },
] as const;

/** A step of `train vqgan` as it is, autoencoder and discriminator, without a perceptual loss. */
export async function measureVqgan(context: Context): Promise<Measurement[]> {
  const results: Measurement[] = [];
  for (const network of networks) results.push(await measureNetwork(context, network));
  return results;
}

async function measureNetwork(context: Context, network: (typeof networks)[number]): Promise<Measurement> {
  const model = vqganPresets[network.name];
  const batch = context.batch ?? network.batch;
  const precision = bestPrecision();
  using vqgan = new Vqgan(model);
  const { seed } = context;
  const config = vqganTraining.parse({ batchSize: batch, precision, seed, discStart: 0, reviveEvery: 0, flip: false });
  const stage = vqganStage({ vqgan, pictures: randomPictures(64, model.resolution, seed), config });
  let number = 0;
  return await compareWork(context, {
    name: `train VQGAN ${network.name}, ${batch} pictures of ${model.resolution}², ${precision}`,
    flops: stepFlops(model, config, batch),
    items: { count: batch, name: "pictures" },
    precision,
    step: () => void stage.step(number++),
    shareGoal: 0.5,
    peers: trainingPeers("vqgan", { model, training: config, batch }, { float32: 2, bfloat16: 1.2 }),
    plan: { rounds: 6, count: 1, seconds: network.seconds },
  });
}

/**
 * Forward × 3 for all that learns. The discriminator judges pictures and reconstructions to learn (3 × 2), and once more
 * for the autoencoder: forwards, and backwards to its input alone, for the adaptive weight and for the loss (3).
 */
function stepFlops(model: VqganConfig, config: VqganTraining, batch: number): number {
  const { discNdf: ndf, discLayers: nLayers } = config;
  using vqgan = new Vqgan(model);
  using discriminator = new NLayerDiscriminator({ inputNc: 3, ndf, nLayers, useActnorm: false });
  const images = [batch, 3, model.resolution, model.resolution];
  const autoencoder = countFlops(() => noGrad(() => void vqgan.forward(zeros(images))));
  const judgement = countFlops(() => noGrad(() => void discriminator.forward(zeros(images))));
  return 3 * autoencoder + 9 * judgement;
}

function randomPictures(count: number, size: number, seed: number): PictureSet {
  const random = new Random(seed, "bench");
  return {
    images: Uint8Array.from({ length: count * size * size * 3 }, () => random.int(256)),
    size,
    count,
    names: Array.from({ length: count }, (_, i) => String(i)),
    skipped: [],
  };
}
