import type { GptTraining } from "../config.ts";
import { EncodedBatches, type EncodedBatch } from "../data/encoded-batches.ts";
import type { EncodedSet } from "../data/encoded.ts";
import { GradientAverage, meansOverProcesses } from "../distributed/group.ts";
import type { Clip } from "../models/clip.ts";
import type { Gpt } from "../models/gpt.ts";
import { checkpointedForward } from "../models/gpt-checkpoint.ts";
import type { Vqgan } from "../models/vqgan.ts";
import { Adam } from "../optim/adam.ts";
import { Ema, withAverage } from "../optim/ema.ts";
import { scheduleOf } from "../optim/schedule.ts";
import { parseDevice } from "../tensor/engine.ts";
import { manualSeed } from "../tensor/random.ts";
import { tidy } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { addNoise, captionConditions, dropConditions, learningClip, Neighbourhood } from "./gpt-conditions.ts";
import { gptObjective } from "./gpt-objective.ts";
import { drawnSample } from "./gpt-samples.ts";
import { LossGuard } from "./guard.ts";
import type { Stage } from "./loop.ts";
import { choosePrecision } from "./precision.ts";
import { seedOwnRows, seedStep } from "./step-random.ts";
import { dropTokens } from "./token-dropout.ts";
import { placesOf, RandomOrders } from "./token-orders.ts";

export type GptStageOptions = {
  gpt: Gpt;
  data: EncodedSet;
  config: GptTraining;
  /** For sample grids, and the reconstruction and embedding terms; it stays frozen. */
  vqgan?: Vqgan;
  /** For the embedding term, for which it stays frozen; with the contrastive term it learns along. */
  clip?: Clip;
};

/**
 * The second stage of CLIP-GEN (section 3.2): the GPT learns to write a picture's tokens, given the picture's CLIP
 * embedding. No caption is involved, unless the contrastive term is on.
 */
export function gptStage(options: GptStageOptions): Stage & { ema: Ema | undefined } {
  const { gpt, data, config } = options;
  requireFit(options);
  requireInputs(options);
  const device = parseDevice(config.device);
  manualSeed(config.seed, device);
  gpt.to("float32").to(device).setComputeDtype(choosePrecision(config.precision, device).dtype).train();
  for (const judge of [options.vqgan, options.clip]) judge?.to("float32").to(device).eval().setTrainable(false);
  const learning = learningClip(options);
  const captionEmbedding = config.condition === "caption" ? captionConditions(options) : undefined;
  const { embeddingNeighbours: most } = config;
  const neighbourhood = most > 0 ? new Neighbourhood(data, { most, device }) : undefined;
  const orders = config.randomOrder > 0 ? new RandomOrders(gpt, config) : undefined;
  const learned = new Map([
    ...gpt.namedParameters(),
    ...[...(learning?.clip.namedParameters() ?? [])].map(([name, p]) => [`clip.${name}`, p] as const),
  ]);
  const optimizer = new Adam(learned, config);
  const ema = config.ema > 0 ? new Ema(gpt, { decay: config.ema }) : undefined;
  const rate = scheduleOf(config);
  const average = new GradientAverage(optimizer.parameters);
  const guard = new LossGuard(config);
  const batches = new EncodedBatches(data, { ...config, device });

  const step = (number: number, position: number): Record<string, number> => {
    seedStep(position, { seed: config.seed, device });
    const batch = batches.at(position);
    const learnt = learning?.embed(batch, position);
    const embedding = learnt?.embedding ?? batch.embedding; // (B, D)
    const given = captionEmbedding?.(batch, position) ?? neighbourhood?.around(embedding) ?? embedding;
    const condition = dropConditions(addNoise(given, config.embeddingNoise), config.conditionDrop);
    const order = orders?.at(number);
    const sequence = order ? batch.tokens.indexSelect(1, order) : batch.tokens;
    // The condition stands before the first token, and the last token predicts nothing.
    const known = sequence.narrow(1, 0, sequence.size(1) - 1);
    const before = dropTokens(known, config.tokenDropout, gpt.config.codebookSize);
    const whole = { ...batch, before, order, embedding, condition, textEmbedding: learnt?.textEmbedding };
    seedOwnRows(position, { seed: config.seed, device });
    optimizer.zeroGrad();
    const sums = new Map<string, number>();
    const parts = partsOf(whole, config.accumulate);
    for (const [i, part] of parts.entries()) {
      const share = part.tokens.size(0) / batch.tokens.size(0);
      // A pass in blocks comes to some parameters more than once.
      const isLast = i === parts.length - 1 && !config.checkpointActivations;
      const learn = (): Record<string, number> => tidy(() => learnFrom(part, share, options));
      const terms = isLast ? average.during(learn) : learn();
      for (const [name, value] of Object.entries(terms)) sums.set(name, (sums.get(name) ?? 0) + value * share);
    }
    average.finish();
    const lr = rate(number);
    const { loss = Number.NaN, ...terms } = meansOverProcesses(Object.fromEntries(sums), device);
    guard.check(loss);
    const gradNorm = optimizer.step(lr, { maxNorm: config.clipGrad });
    ema?.update();
    return { loss, lr, grad_norm: gradNorm, ...terms };
  };

  const { vqgan } = options;
  return {
    name: "gpt",
    batchSize: config.batchSize,
    device,
    ema,
    parts: { model: gpt, optimizer, ...(ema && { ema }), ...(learning && { clip: learning.clip }) },
    step: (number, position = number) => tidy(() => step(number, position)),
    batchNames: (position) => batches.namesAt(position),
    ...(vqgan && { samples: async () => [await withAverage(ema, () => drawnSample({ gpt, vqgan, data }))] }),
  };
}

type Part = EncodedBatch & {
  /** (B, L − 1) int64: the tokens that go in. */
  before: Tensor;
  condition: Tensor;
  textEmbedding: Tensor | undefined;
  /** (L) int64: the place of each token that is learned in this step, where they do not come row by row. */
  order?: Tensor | undefined;
};

/** A batch in several parts, as even as they can be. */
function partsOf(whole: Part, count: number): Part[] {
  if (count === 1) return [whole];
  const rows = whole.tokens.size(0);
  return Array.from({ length: Math.min(count, rows) }, (_, i) => {
    const start = Math.floor((i * rows) / Math.min(count, rows));
    const length = Math.floor(((i + 1) * rows) / Math.min(count, rows)) - start;
    const cut = (tensor: Tensor): Tensor => tensor.narrow(0, start, length);
    return {
      ...whole,
      tokens: cut(whole.tokens),
      before: cut(whole.before),
      embedding: cut(whole.embedding),
      condition: cut(whole.condition),
      picture: whole.picture && cut(whole.picture),
      textEmbedding: whole.textEmbedding && cut(whole.textEmbedding),
    };
  });
}

/** Adds the gradients of a part that is this share of a batch; gives its loss and the loss's terms. */
function learnFrom(
  part: Part,
  share: number,
  { gpt, config, vqgan, clip, data }: GptStageOptions,
): Record<string, number> {
  const { before, order } = part;
  const pass = config.checkpointActivations ? checkpointedForward(gpt, before, part.condition, { order }) : undefined;
  const predicted = pass?.logits ?? gpt.forward(before, part.condition, { order }); // (B, L, V)
  const logits = order ? predicted.indexSelect(1, placesOf(order)) : predicted;
  const { loss, terms } = gptObjective({ ...part, logits }, config.objective, { vqgan, clip, grid: data.grid });
  // Where CLIP learns along, the pass goes back through the same embeddings as the loss.
  const retainGraph = pass !== undefined && config.objective.contrastive > 0;
  (share === 1 ? loss : loss.mul(share)).backward({ retainGraph });
  pass?.backward();
  const values = Object.entries(terms).map(([name, term]) => [name, term.item()] as const);
  return { loss: loss.item(), ...Object.fromEntries(values) };
}

function requireFit({ gpt, data, vqgan, clip }: GptStageOptions): void {
  const { codebookSize, embedDim, grid } = data;
  const fits: [what: string, own: number | undefined, wanted: number][] = [
    ["GPT has codebookSize", gpt.config.codebookSize, codebookSize],
    ["GPT has tokenCount", gpt.config.tokenCount, grid[0] * grid[1]],
    ["GPT has conditionDim", gpt.config.conditionDim, embedDim],
    ["VQGAN has codebookSize", vqgan?.config.codebookSize, codebookSize],
    ["CLIP has embedDim", clip?.config.embedDim, embedDim],
  ];
  for (const [what, own, wanted] of fits) {
    if (own !== undefined && own !== wanted) throw new Error(`the ${what} ${own}, the encoded pictures have ${wanted}`);
  }
}

/** What a term lacks is told before a run's folder is made. */
function requireInputs({ config, data, vqgan, clip }: GptStageOptions): void {
  const pictures = "the pictures (clip-gen encode --keep-pictures)";
  if (config.accumulate > 1 && config.objective.contrastive > 0) {
    throw new Error(
      "the contrastive term compares all pictures of a batch: it cannot be computed in parts (accumulate)",
    );
  }
  const terms = [
    { name: "reconstruction", given: vqgan && data.pictures, needs: `a VQGAN and ${pictures}` },
    { name: "embedding", given: vqgan && clip, needs: "a VQGAN and a CLIP" },
    { name: "contrastive", given: clip && data.captions && data.pictures, needs: `a CLIP, captions and ${pictures}` },
  ] as const;
  for (const { name, given, needs } of terms) {
    if (config.objective[name] > 0 && !given) throw new Error(`the ${name} term of the objective needs ${needs}`);
  }
}
