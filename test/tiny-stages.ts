import { clipTraining, gptTraining, vqganTraining, type GptTraining } from "../src/config.ts";
import type { EncodedSet } from "../src/data/encoded.ts";
import { sourceOf, type PictureSet, type PictureSource } from "../src/data/picture-stream.ts";
import { clipStage } from "../src/train/clip.ts";
import { clipTextStage } from "../src/train/clip-text.ts";
import { gptStage } from "../src/train/gpt.ts";
import type { Stage } from "../src/train/loop.ts";
import { perceptualLoss } from "../src/train/perceptual.ts";
import { vqganStage } from "../src/train/vqgan.ts";
import { tinyClip, tinyGpt, tinyPictures, tinyVqgan } from "./tiny.ts";

/** What a training needs in tests; `seed` decides the weights that it starts from. */
export type TinyStage = { config: object; make: (seed: number) => Stage };

const common = { batchSize: 4, precision: "float32", ema: 0.9, lr: 2e-3, seed: 3 } as const;

/** Every stage with everything on that has a state: averages, discriminator, dropout, noise, a CLIP that learns along. */
export function tinyStages(data: EncodedSet, steps: number): Record<string, TinyStage> {
  const pictures = tinyPictures();
  const clip = clipTraining.parse({ ...common, steps, warmup: 3, soften: 0.5, varyCaptions: 0.5 });
  const vqgan = vqganTraining.parse({
    ...common,
    steps,
    crop: 0.5,
    discStart: 5,
    discWarmup: 2,
    lecamWeight: 0.01,
    discNdf: 8,
    discLayers: 1,
    reviveEvery: 4,
    reviveUntil: 1,
  });
  const noisy = { warmup: 3, embeddingNoise: 0.5, conditionDrop: 0.3, randomOrder: 0.8 };
  const gpt = gptTraining.parse({ ...common, ...noisy, steps });
  const paired: GptTraining = { ...gpt, objective: { ...gpt.objective, contrastive: 0.5, reconstruction: 0.25 } };
  const paper: GptTraining = { ...gpt, objective: { ...gpt.objective, embedding: 0.2 } };
  const tokenizer = (from: PictureSet | PictureSource, seed: number): Stage => {
    const perceptual = perceptualLoss({ clip: tinyClip(), device: "cpu", precision: "float32" });
    return vqganStage({ vqgan: tinyVqgan({}, seed), pictures: from, config: vqgan, perceptual });
  };
  const options = { dropout: 0.2, anyOrder: true, qkNorm: true };
  return {
    clip: { config: clip, make: (seed) => clipStage({ clip: tinyClip(seed), pictures, config: clip }) },
    "clip, its text tower alone": {
      config: clip,
      make: (seed) => clipTextStage({ clip: tinyClip(seed), pictures, config: clip }),
    },
    vqgan: { config: vqgan, make: (seed) => tokenizer(pictures, seed) },
    "vqgan, of pictures that stay where they are": {
      config: vqgan,
      make: (seed) => tokenizer(sourceOf(pictures), seed),
    },
    gpt: {
      config: paper,
      make: (seed) => {
        const frozen = { clip: tinyClip(), vqgan: tinyVqgan() };
        return gptStage({ gpt: tinyGpt(options, seed), data, config: paper, ...frozen });
      },
    },
    "gpt with a CLIP that learns along": {
      config: paired,
      make: (seed) => {
        const networks = { gpt: tinyGpt(options, seed), clip: tinyClip(seed), vqgan: tinyVqgan() };
        return gptStage({ ...networks, data, config: paired });
      },
    },
  };
}
