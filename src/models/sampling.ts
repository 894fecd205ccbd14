import { cat, drawTokens } from "../tensor/functions.generated.ts";
import { noGrad } from "../tensor/autograd.ts";
import { keep, tidy } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { Random } from "../random.ts";
import type { Gpt } from "./gpt.ts";
import type { KvCache } from "./kv-cache.ts";

export type SampleOptions = {
  /** Below 1 the likely tokens become likelier; 0 always takes the likeliest. Default 1. */
  temperature?: number;
  /** Only the k likeliest tokens; ties with the last of them stay. Default: all. */
  topK?: number;
  /** Only the likeliest tokens that together reach this probability. Default 0.9. */
  topP?: number;
  /** Classifier-free guidance: logits = without + scale · (with − without). 1 is off. */
  guidanceScale?: number;
  /**
   * A condition that guidance leads away from, in place of none: logits = negative + scale · (with − negative). Of the
   * condition's shape, or one row for all of them.
   */
  negative?: Tensor;
  /** One seed for each row of the condition, or the first of consecutive ones. Default 0. */
  seed?: number | readonly number[];
  signal?: AbortSignal;
};

/**
 * Draws the tokens of a batch of pictures, one position at a time: yields the B tokens of each position.
 * The same seed draws the same picture, whatever else is in the batch.
 * @param gpt in evaluation mode: with dropout on, what it draws is worse
 * @param condition (B, D), L2-normalised, or (B, P, D)
 * @throws RangeError when a setting is out of its range; the signal's reason when it is aborted
 */
export async function* sampleTokens(
  gpt: Gpt,
  condition: Tensor,
  options: SampleOptions = {},
): AsyncGenerator<number[], void> {
  checkSampling(options);
  const { guidanceScale = 1 } = options;
  const batch = condition.size(0);
  using negative = negativeRows(options, condition);
  const randoms = seedsOf(options.seed ?? 0, batch).map((seed) => new Random(seed));
  using cache = gpt.createCache(cacheRows(batch, guidanceScale));
  let tokens: number[] = [];
  for (let position = 0; position < gpt.config.tokenCount; position += 1) {
    options.signal?.throwIfAborted();
    const draws = randoms.map((random) => random.next());
    tokens = noGrad(() =>
      tidy(() =>
        draw(nextLogits(gpt, { tokens, condition, negative, position, cache, guidanceScale }), draws, options),
      ),
    );
    yield tokens;
    // Lets signals and other tasks in between two positions.
    await new Promise((resume) => setImmediate(resume));
  }
}

/** One position of a batch of pictures. */
export type SampleStep = {
  /** The B tokens of the position before; none at position 0. */
  tokens: readonly number[];
  /** (B, D) */
  condition: Tensor;
  /** (B, D), see `negativeRows`; without it guidance leads away from no condition. */
  negative?: Tensor | undefined;
  position: number;
  /** With `cacheRows` rows. */
  cache: KvCache;
  guidanceScale: number;
};

/**
 * The negative condition, a row for each of the condition's. Dispose of the tensor when done.
 * @throws RangeError when guidance is off, or when the shapes do not agree
 */
export function negativeRows(
  { negative, guidanceScale = 1 }: Pick<SampleOptions, "negative" | "guidanceScale">,
  condition: Tensor,
): Tensor | undefined {
  if (!negative) return undefined;
  if (guidanceScale === 1) {
    throw new RangeError("a negative prompt works through guidance, which is off at a guidanceScale of 1; try 3");
  }
  const [rows, ...width] = negative.shape;
  const [batch, ...wanted] = condition.shape;
  if ((rows !== 1 && rows !== batch) || String(width) !== String(wanted)) {
    throw new RangeError(
      `the negative condition is [${negative.shape.join(", ")}], expected [${condition.shape.join(", ")}] or one row of it`,
    );
  }
  return keep(tidy(() => negative.expand(condition.shape).contiguous().to(condition.dtype)));
}

/** Rows of the cache for a batch: guidance also computes every picture without its condition. */
export function cacheRows(batch: number, guidanceScale: number): number {
  return guidanceScale === 1 ? batch : 2 * batch;
}

/** Logits (B, V) of the next token, guided where the scale is not 1. */
export function nextLogits(gpt: Gpt, { guidanceScale, negative, ...step }: SampleStep): Tensor {
  if (guidanceScale === 1) return lastLogits(gpt, step);
  // The second half of the batch sees no condition, or the negative one.
  const logits = lastLogits(gpt, {
    ...step,
    tokens: [...step.tokens, ...step.tokens],
    condition: cat([step.condition, negative ?? gpt.freeCondition(step.condition)]),
  });
  const [given, away] = logits.chunk(2);
  if (!given || !away) throw new Error("chunk gave fewer than two parts");
  return away.lerp(given, guidanceScale);
}

type Pass = Omit<SampleStep, "guidanceScale" | "negative">;

function lastLogits(gpt: Gpt, { tokens, condition, position, cache }: Pass): Tensor {
  const shape = [condition.size(0), tokens.length / condition.size(0)];
  const known = Tensor.from(tokens, shape, "int64").to(condition.device);
  return gpt
    .forward(known, position === 0 ? condition : undefined, { cache })
    .select(1, -1)
    .to("float32");
}

/** The distribution that a token is drawn from: temperature, then top-k, then top-p. (B, V) → (B, V) */
export function tokenProbabilities(logits: Tensor, options: SampleOptions = {}): Tensor {
  const { temperature = 1, topK, topP = 0.9 } = options;
  if (temperature === 0) return logits.argmax(-1).oneHot(logits.size(-1)).to(logits.dtype);
  return filterLogits(logits.div(temperature), { topK, topP }).softmax(-1);
}

/**
 * Sets what may not be drawn to −∞. Ties with the k-th largest stay; the token that crosses `topP` stays, and at least
 * one always does (HFAiLab/clip-gen's `top_k_top_p`; top-p: Holtzman et al. 2020).
 */
export function filterLogits(
  logits: Tensor,
  options: { topK?: number | undefined; topP?: number | undefined },
): Tensor {
  const { topK, topP = 1 } = options;
  let kept = logits;
  if (topK !== undefined && topK < logits.size(-1)) {
    const [largest] = logits.topk(topK);
    kept = kept.maskedFill(kept.lt(largest.narrow(-1, largest.size(-1) - 1, 1)), -Infinity);
  }
  if (topP < 1) {
    const [sorted, order] = kept.sort(-1, true);
    // The probability before a token decides, so that the one which crosses the threshold stays.
    const probabilities = sorted.softmax(-1);
    const before = probabilities.cumsum(-1).roll([1], [-1]);
    const removedSorted = before.gt(topP).logicalAnd(firstColumn(before).logicalNot());
    const removed = removedSorted.scatter(-1, order, removedSorted);
    kept = kept.maskedFill(removed, -Infinity);
  }
  return kept;
}

/** True in the first column of a matrix. */
function firstColumn(like: Tensor): Tensor {
  const columns = Tensor.from(
    Array.from({ length: like.size(-1) }, (_, i) => i === 0),
    [like.size(-1)],
  );
  return columns.to(like.device).expand(like.shape);
}

/** Draws a token a row from `tokenProbabilities`, with one uniform number a row, by inverting the distribution function. */
function draw(logits: Tensor, draws: readonly number[], options: SampleOptions): number[] {
  const { temperature = 1, topK = 0, topP = 0.9 } = options;
  if (temperature === 0) return logits.argmax(-1).toNumbers();
  return drawTokens(logits.to("cpu"), draws, temperature, topK, topP).toNumbers();
}

/** @throws RangeError when a setting is out of its range */
export function checkSampling({ temperature = 1, topK = 1, topP = 1, guidanceScale = 1 }: SampleOptions): void {
  if (!(temperature >= 0 && temperature < Infinity)) {
    throw new RangeError(`temperature is ${temperature}, expected a number from 0`);
  }
  if (!Number.isInteger(topK) || topK < 1) throw new RangeError(`topK is ${topK}, expected a whole number from 1`);
  if (!(topP >= 0 && topP <= 1)) throw new RangeError(`topP is ${topP}, expected a number from 0 to 1`);
  if (!Number.isFinite(guidanceScale)) {
    throw new RangeError(`guidanceScale is ${guidanceScale}, expected a number; 1 is off`);
  }
}

function seedsOf(seed: number | readonly number[], batch: number): readonly number[] {
  if (typeof seed === "number") return Array.from({ length: batch }, (_, i) => seed + i);
  if (seed.length !== batch) throw new RangeError(`${batch} rows need ${batch} seeds, got ${seed.length}`);
  return seed;
}
