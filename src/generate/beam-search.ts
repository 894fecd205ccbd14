import type { Gpt } from "../models/gpt.ts";
import { cacheRows, negativeRows, nextLogits } from "../models/sampling.ts";
import { noGrad } from "../tensor/autograd.ts";
import { keep, tidy } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";

/** Tokens of one picture and the logarithm of their joint probability. */
export type Beam = { tokens: number[]; logProbability: number };

export type BeamSearchOptions = {
  /** How many pictures are followed at the same time. Default 4. */
  beams?: number;
  /** Classifier-free guidance, as in sampling. 1 is off. */
  guidanceScale?: number;
  /** (1, D): what guidance leads away from, as in sampling. */
  negative?: Tensor;
  signal?: AbortSignal;
};

/**
 * The likeliest pictures that a search with this many beams finds, best first. No chance is involved.
 * There are fewer than asked only where there are fewer different pictures.
 * @param condition (1, D), L2-normalised
 * @throws RangeError when `beams` is no whole number from 1, or a negative condition comes without guidance; the signal's
 * reason when it is aborted
 */
export async function beamSearch(gpt: Gpt, condition: Tensor, options: BeamSearchOptions = {}): Promise<Beam[]> {
  const { beams: width = 4, guidanceScale = 1, signal } = options;
  if (!Number.isInteger(width) || width < 1) {
    throw new RangeError(`beams is ${width}, expected a whole number from 1`);
  }
  using cache = gpt.createCache(cacheRows(width, guidanceScale));
  using conditions = keep(tidy(() => condition.expand([width, -1]).contiguous()));
  using negative = negativeRows(options, conditions);
  let beams: Beam[] = [{ tokens: [], logProbability: 0 }];
  for (let position = 0; position < gpt.config.tokenCount; position += 1) {
    signal?.throwIfAborted();
    beams = noGrad(() =>
      tidy(() => {
        const tokens = position === 0 ? [] : padded(beams, width).map((beam) => beam.tokens.at(-1) ?? 0);
        const logits = nextLogits(gpt, { tokens, condition: conditions, negative, position, cache, guidanceScale });
        const next = extend(beams, logits.logSoftmax(-1), width);
        const parents = padded(next, width).map(({ parent }) => parent);
        // With guidance, the rows without a condition, or with the negative one, follow those with theirs.
        const rows = guidanceScale === 1 ? parents : [...parents, ...parents.map((parent) => parent + width)];
        cache.reorder(Tensor.from(rows, [rows.length], "int64").to(condition.device));
        return next.map(({ beam }) => beam);
      }),
    );
    await new Promise((resume) => setImmediate(resume));
  }
  return beams;
}

/** The first positions can have fewer continuations than there are rows; the rows that are left repeat the last one. */
function padded<T>(some: readonly T[], width: number): T[] {
  const last = some.at(-1);
  return last === undefined ? [] : Array.from({ length: width }, (_, i) => some[i] ?? last);
}

/** The `width` likeliest continuations of all beams. Only the first rows of (width, V) belong to a beam. */
function extend(beams: readonly Beam[], logProbabilities: Tensor, width: number): { beam: Beam; parent: number }[] {
  const rows = logProbabilities.narrow(0, 0, beams.length); // (beams, V)
  const soFar = beams.map((beam) => beam.logProbability);
  const joint = rows.add(Tensor.from(soFar, [beams.length, 1]).to(rows.device)).flatten();
  const codes = rows.size(1);
  const [values, places] = joint.topk(Math.min(width, beams.length * codes));
  const scores = values.toNumbers();
  return places.toNumbers().map((place, i) => {
    const parent = Math.floor(place / codes);
    const tokens = [...(beams[parent]?.tokens ?? []), place % codes];
    return { beam: { tokens, logProbability: scores[i] ?? -Infinity }, parent };
  });
}
