import { beforeAll, expect, test } from "vitest";
import { settledTensors, tinyConditions, tinyGpt } from "../../test/tiny.ts";
import type { Gpt } from "../models/gpt.ts";
import { noGrad } from "../tensor/autograd.ts";
import { memoryFigures, setThreadCount } from "../tensor/engine.ts";
import { tidy } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { beamSearch, type Beam, type BeamSearchOptions } from "./beam-search.ts";

// Networks this small lose more time to waiting for other threads than they gain.
beforeAll(() => setThreadCount(1));

/** Every possible picture with its probability, the likeliest first: by whole passes, without a cache. */
function allPictures(gpt: Gpt, condition: Tensor, guidanceScale = 1): Beam[] {
  const { codebookSize, tokenCount } = gpt.config;
  const count = codebookSize ** tokenCount;
  const pictures = Array.from({ length: count }, (_, i) =>
    Array.from({ length: tokenCount }, (_unused, at) => Math.floor(i / codebookSize ** at) % codebookSize),
  );
  const scores = noGrad(() =>
    tidy(() => {
      const tokens = Tensor.from(pictures.flat(), [count, tokenCount], "int64");
      const known = tokens.narrow(1, 0, tokenCount - 1);
      const given = gpt.forward(known, condition.expand([count, -1]));
      const free = gpt.forward(known, condition.zerosLike().expand([count, -1]));
      const logits = free.add(given.sub(free).mul(guidanceScale)); // (N, L, V)
      return logits.logSoftmax(-1).gather(2, tokens.unsqueeze(2)).squeeze(2).sum([1]).toNumbers();
    }),
  );
  return pictures
    .map((tokens, i) => ({ tokens, logProbability: scores[i] ?? Number.NaN }))
    .sort((a, b) => b.logProbability - a.logProbability);
}

test.each([1, 2.5])(
  "with as many beams as pictures, all of them come in order of probability (guidance %d)",
  async (guidanceScale) => {
    const gpt = tinyGpt({ codebookSize: 4, tokenCount: 3 }, 6).eval();
    const condition = tinyConditions(1);
    const all = allPictures(gpt, condition, guidanceScale);
    const found = await beamSearch(gpt, condition, { beams: 100, guidanceScale });
    expect(found).toHaveLength(64);
    expect(found.map(({ tokens }) => tokens)).toEqual(all.map(({ tokens }) => tokens));
    for (const [i, beam] of found.entries()) {
      expect(beam.logProbability).toBeCloseTo(all[i]?.logProbability ?? Number.NaN, 4);
    }
  },
);

test("beams are led away from a negative condition, for which no condition and the own one are special cases", async () => {
  const gpt = tinyGpt({ codebookSize: 4, tokenCount: 3 }, 6).eval();
  const condition = tinyConditions(1);
  const search = async (options: BeamSearchOptions): Promise<number[][]> =>
    (await beamSearch(gpt, condition, { beams: 10, ...options })).map(({ tokens }) => tokens);
  const guided = await search({ guidanceScale: 2.5 });
  expect(await search({ guidanceScale: 2.5, negative: tidy(() => condition.zerosLike()) })).toEqual(guided);
  expect(await search({ guidanceScale: 2.5, negative: condition })).toEqual(await search({}));
  expect(await search({ guidanceScale: 2.5, negative: tinyConditions(1, 6) })).not.toEqual(guided);
  await expect(search({ negative: condition })).rejects.toThrow(/off at a guidanceScale of 1/);
});

test("few beams find what their definition says, and tell its probability", async () => {
  const gpt = tinyGpt({ codebookSize: 5, tokenCount: 4 }, 8).eval();
  const condition = tinyConditions(1);
  const known = new Map(
    allPictures(gpt, condition).map(({ tokens, logProbability }) => [String(tokens), logProbability]),
  );
  const found = await beamSearch(gpt, condition, { beams: 7 });
  expect(found).toHaveLength(7);
  expect(new Set(found.map(({ tokens }) => String(tokens))).size).toBe(7);
  for (const { tokens, logProbability } of found) {
    expect(logProbability).toBeCloseTo(known.get(String(tokens)) ?? Number.NaN, 4);
  }
  const scores = found.map(({ logProbability }) => logProbability);
  expect(scores).toEqual(scores.toSorted((a, b) => b - a));
});

test.each([1, 2])("one beam is greedy (guidance %d)", async (guidanceScale) => {
  const gpt = tinyGpt().eval();
  const condition = tinyConditions(1);
  const greedy = await gpt.sample(condition, { temperature: 0, guidanceScale });
  const [beam] = await beamSearch(gpt, condition, { beams: 1, guidanceScale });
  expect(beam?.tokens).toEqual(greedy.toNumbers());
});

test("stops at a signal, refuses a width that is no number of beams, and keeps no tensors", async () => {
  const gpt = tinyGpt().eval();
  const condition = tinyConditions(1);
  const before = await settledTensors();
  await expect(beamSearch(gpt, condition, { signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow(
    "enough",
  );
  await expect(beamSearch(gpt, condition, { beams: 0 })).rejects.toThrow("beams is 0, expected a whole number from 1");
  await beamSearch(gpt, condition, { beams: 3 });
  expect(memoryFigures().tensors).toBe(before);
});
