import type { Gpt } from "../models/gpt.ts";
import { noGrad } from "../tensor/autograd.ts";
import { keep, tidy } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";

/** Tokens of one picture and the logarithm of their joint probability. */
export type Beam = { tokens: number[]; logProbability: number };

/**
 * The likeliest pictures that a search with this many beams finds, best first. No chance is involved.
 * @param condition (1, D), L2-normalised
 */
export async function beamSearch(
  gpt: Gpt,
  condition: Tensor,
  options: { beams?: number; signal?: AbortSignal } = {},
): Promise<Beam[]> {
  const { beams: width = 4, signal } = options;
  using cache = gpt.createCache(width);
  using conditions = keep(condition.expand([width, -1]).contiguous());
  let beams: Beam[] = [{ tokens: [], logProbability: 0 }];
  for (let position = 0; position < gpt.config.tokenCount; position += 1) {
    signal?.throwIfAborted();
    beams = noGrad(() =>
      tidy(() => {
        const last = position === 0 ? [] : beams.map((beam) => beam.tokens.at(-1) ?? 0);
        const known = Tensor.from(last, [width, last.length / width], "int64").to(condition.device);
        const logits = gpt.forward(known, position === 0 ? conditions : undefined, cache).select(1, -1);
        const next = extend(beams, logits.logSoftmax(-1), width);
        cache.reorder(
          Tensor.from(
            next.map(({ parent }) => parent),
            [width],
            "int64",
          ).to(condition.device),
        );
        return next.map(({ beam }) => beam);
      }),
    );
    await new Promise((resume) => setImmediate(resume));
  }
  return beams;
}

/** The `width` likeliest continuations of all beams. At the first position all rows are the same, so only one counts. */
function extend(beams: readonly Beam[], logProbabilities: Tensor, width: number): { beam: Beam; parent: number }[] {
  const rows = logProbabilities.narrow(0, 0, beams.length); // (beams, V)
  const so = Tensor.from(
    beams.map((beam) => beam.logProbability),
    [beams.length, 1],
  ).to(rows.device);
  const codes = rows.size(1);
  const [values, places] = rows.add(so).flatten().topk(width);
  const scores = values.toNumbers();
  return places.toNumbers().map((place, i) => {
    const parent = Math.floor(place / codes);
    const tokens = [...(beams[parent]?.tokens ?? []), place % codes];
    return { beam: { tokens, logProbability: scores[i] ?? -Infinity }, parent };
  });
}
