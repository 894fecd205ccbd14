import { z } from "zod";

// One schema a training stage: types, defaults, limits and the sentence that explains a setting, in one place.
// camelCase in memory, snake_case on disk: toDisk and fromDisk are the only border between the two.

const count = z.number().int().positive();
const share = z.number().min(0).max(1);
const positive = z.number().positive();

const common = z.object({
  steps: count.describe("optimisation steps"),
  batchSize: count.describe("pictures a step"),
  lr: positive.describe("greatest learning rate"),
  minLr: z.number().min(0).default(0).describe("learning rate at the end"),
  warmup: z.number().int().min(0).default(0).describe("steps in which the rate rises from 0"),
  schedule: z.enum(["cosine", "constant"]).default("cosine").describe("how the rate falls"),
  betas: z.tuple([share, share]).default([0.9, 0.999]).describe("Adam's decay rates"),
  weightDecay: z.number().min(0).default(0).describe("AdamW's decay; 0 is Adam"),
  clipGrad: z.number().min(0).default(1).describe("greatest norm of the gradient; 0 is no limit"),
  ema: share.default(0).describe("decay of the averaged weights that are saved; 0 is off"),
  seed: z.number().int().min(0).default(0),
  flip: z.boolean().default(true).describe("mirror half of the pictures"),
  precision: z.enum(["auto", "float32", "bfloat16"]).default("auto"),
  device: z.string().default("cpu").describe("cpu, cuda or cuda:N"),
  explode: z
    .number()
    .min(0)
    .default(100)
    .describe(
      "how many times the median of the last losses a loss may be before its step counts as gone wrong; 0 is any",
    ),
  retries: z
    .number()
    .int()
    .min(0)
    .default(3)
    .describe("how often a run whose numbers go wrong goes back to its newest checkpoint and on in another order"),
  sampleEvery: count.default(500).describe("steps between sample grids"),
  checkpointEvery: count.default(500).describe("steps between checkpoints"),
  keepCheckpoints: count.default(2),
});

/** Settings of `train clip`. Defaults follow OpenAI's CLIP where a small run allows it. */
export const clipTraining = common.extend({
  steps: count.default(4000).describe("optimisation steps"),
  batchSize: count.default(256).describe("pictures a step"),
  lr: positive.default(1e-3).describe("greatest learning rate"),
  warmup: z.number().int().min(0).default(200).describe("steps in which the rate rises from 0"),
  betas: z.tuple([share, share]).default([0.9, 0.98]).describe("Adam's decay rates"),
  weightDecay: z.number().min(0).default(0.1).describe("AdamW's decay; 0 is Adam"),
  crop: share.default(0).describe("how much of a side a random crop may cut off"),
  soften: share
    .default(0)
    .describe("share of pictures that are softened and grained, with captions that call them blurry"),
  lockImage: z
    .boolean()
    .default(false)
    .describe("let only the text tower learn, against all pictures at once; goes on from --init-from"),
  together: count
    .default(1)
    .describe(
      "so many pictures that follow one another stay in one batch: where these are alike, what differs is learnt",
    ),
  varyCaptions: share
    .default(0)
    .describe("share of captions told in other words: articles, plurals, another order, words left out, slips"),
  mergeDropout: share
    .default(0)
    .describe("how often two pieces of a word stay apart: a word that is misspelt is then no riddle (BPE-dropout)"),
});

/** Settings of `train vqgan`. Loss weights and their names are taming-transformers'. */
export const vqganTraining = common.extend({
  steps: count.default(10_000).describe("optimisation steps"),
  batchSize: count.default(64).describe("pictures a step"),
  lr: positive.default(1e-3).describe("greatest learning rate"),
  betas: z.tuple([share, share]).default([0.9, 0.99]).describe("Adam's decay rates"),
  crop: share.default(0).describe("how much of a side a random crop may cut off"),
  pixelLoss: z.enum(["l1", "l2"]).default("l1"),
  perceptualWeight: z.number().min(0).default(1),
  codebookWeight: z.number().min(0).default(1),
  discWeight: z.number().min(0).default(0.8).describe("weight of the discriminator; 0 trains without one"),
  discStart: z.number().int().min(0).default(10_000).describe("step from which the generator feels the discriminator"),
  discWarmup: z
    .number()
    .int()
    .min(0)
    .default(0)
    .describe("steps that the discriminator learns alone before discStart, so that its first opinions do no harm"),
  lecamWeight: z
    .number()
    .min(0)
    .default(0)
    .describe("weight that keeps the discriminator's opinions near their averages"),
  discNdf: count.default(64).describe("channels of the discriminator's first layer"),
  discLayers: count.default(3),
  discLoss: z.enum(["hinge", "vanilla"]).default("hinge"),
  reviveEvery: z.number().int().min(0).default(200).describe("steps after which unused codes start anew; 0 is never"),
  reviveUntil: share.default(0.7).describe("share of the training after which codes stay where they are"),
});

/** The terms of the GPT's objective and their weights; 0 is off. */
const objective = z.strictObject({
  crossEntropy: z.number().min(0).default(1),
  reconstruction: z.number().min(0).default(0).describe("mean square between picture and decoded prediction"),
  embedding: z.number().min(0).default(0).describe("CLIP embedding of the decoded prediction against the picture's"),
  embeddingForm: z.enum(["neg-log", "mse"]).default("neg-log"),
  contrastive: z.number().min(0).default(0).describe("pictures against captions; CLIP learns along"),
});

/** Settings of `train gpt`. */
export const gptTraining = common.extend({
  steps: count.default(10_000).describe("optimisation steps"),
  batchSize: count.default(64).describe("pictures a step"),
  lr: positive.default(5e-4).describe("greatest learning rate"),
  warmup: z.number().int().min(0).default(100).describe("steps in which the rate rises from 0"),
  betas: z.tuple([share, share]).default([0.9, 0.95]).describe("Adam's decay rates"),
  weightDecay: z.number().min(0).default(0.01).describe("AdamW's decay; 0 is Adam"),
  embeddingNoise: z.number().min(0).default(0.5).describe("length of the random vector added to a unit embedding"),
  embeddingNeighbours: z
    .number()
    .int()
    .min(0)
    .default(0)
    .describe("most of a picture's nearest neighbours whose embeddings are averaged with its own, before the noise"),
  accumulate: count
    .default(1)
    .describe("parts that a batch is computed in, one after the other: less memory for activations, the same step"),
  checkpointActivations: z
    .boolean()
    .default(false)
    .describe("keep only what goes into every block, and compute blocks again on the way back"),
  condition: z
    .enum(["picture", "caption"])
    .default("picture")
    .describe("embeddings of the pictures, or with captions of these: the supervised bound to compare with"),
  randomOrder: share
    .default(0)
    .describe("share of the steps over which random token orders give way to rows; 0 is rows from the start"),
  tokenDropout: share
    .default(0)
    .describe(
      "share of the tokens that go in replaced by random ones, so that the condition counts (word dropout); 0.25 with --objective cross-entropy",
    ),
  conditionDrop: share.default(0.1).describe("share of embeddings left out, for guidance"),
  objective: objective.prefault({}),
});

export type ClipTraining = z.infer<typeof clipTraining>;
export type VqganTraining = z.infer<typeof vqganTraining>;
export type GptTraining = z.infer<typeof gptTraining>;
export type GptObjective = z.infer<typeof objective>;
export type CommonTraining = z.infer<typeof common>;

/** Named objectives: the default, the paper's, and the weighted sum with a CLIP that learns along. */
export const gptObjectives: Readonly<
  Record<"cross-entropy" | "paper" | "weighted", Partial<z.input<typeof gptTraining>>>
> = {
  "cross-entropy": { tokenDropout: 0.25 },
  paper: { objective: { crossEntropy: 1, embedding: 0.2 } },
  weighted: {
    lr: 5e-5,
    schedule: "cosine",
    warmup: 0,
    weightDecay: 0,
    steps: 100_000,
    objective: { contrastive: 0.5, reconstruction: 0.25, crossEntropy: 0.25 },
  },
};

/** Keys in snake_case, as files have them. */
export function toDisk(value: unknown): unknown {
  return mapKeys(value, (key) => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
}

/** Keys in camelCase, as the program has them. */
export function fromDisk(value: unknown): unknown {
  return mapKeys(value, (key) => key.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()));
}

function mapKeys(value: unknown, rename: (key: string) => string): unknown {
  if (Array.isArray(value)) return value.map((element) => mapKeys(element, rename));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, element]) => [rename(key), mapKeys(element, rename)]));
}
