import { beforeAll, describe, expect, test } from "vitest";
import { settledTensors, tinyConditions, tinyGpt, tinyGptConfig } from "../../test/tiny.ts";
import { Random } from "../random.ts";
import { noGrad } from "../tensor/autograd.ts";
import { memoryFigures, setThreadCount } from "../tensor/engine.ts";
import { cat } from "../tensor/functions.generated.ts";
import { tidy } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { Gpt } from "./gpt.ts";
import { filterLogits, sampleTokens, tokenProbabilities, type SampleOptions } from "./sampling.ts";

// Networks this small lose more time to waiting for other threads than they gain.
beforeAll(() => setThreadCount(1));

const rowsOf = (tokens: Tensor): number[][] => {
  const flat = tokens.toNumbers();
  const length = tokens.size(1);
  return Array.from({ length: tokens.size(0) }, (_, row) => flat.slice(row * length, (row + 1) * length));
};

/** The same by the definition: whole passes, no cache, no batch, probabilities as plain numbers. */
function naive(gpt: Gpt, condition: Tensor, options: SampleOptions & { seed: number }): number[] {
  const random = new Random(options.seed);
  const { guidanceScale = 1, temperature = 1 } = options;
  const tokens: number[] = [];
  for (let position = 0; position < gpt.config.tokenCount; position += 1) {
    const draw = random.next();
    noGrad(() =>
      tidy(() => {
        const known = Tensor.from(tokens, [1, tokens.length], "int64");
        const last = (embedding: Tensor): Tensor => gpt.forward(known, embedding).select(1, -1);
        const free = last(options.negative ?? condition.zerosLike());
        const logits = free.add(last(condition).sub(free).mul(guidanceScale));
        if (temperature === 0) {
          tokens.push(logits.argmax(-1).item());
          return;
        }
        let left = draw;
        const index = tokenProbabilities(logits, options)
          .toNumbers()
          .findIndex((probability) => (left -= probability) < 0);
        tokens.push(index);
      }),
    );
  }
  return tokens;
}

describe("cached generation equals naive generation, token for token", () => {
  const gpt = tinyGpt().eval();
  const condition = tinyConditions(3);

  test.each([
    { temperature: 0 },
    {},
    { temperature: 0.7, topK: 5, topP: 1 },
    { topP: 0.5 },
    { guidanceScale: 3 },
    { guidanceScale: 0, topP: 1 },
    { temperature: 0, guidanceScale: 1.5 },
  ])("%j", async (options: SampleOptions) => {
    const tokens = rowsOf(await gpt.sample(condition, { ...options, seed: 10 }));
    const expected = [0, 1, 2].map((row) => naive(gpt, condition.narrow(0, row, 1), { ...options, seed: 10 + row }));
    expect(tokens).toEqual(expected);
    expect(new Set(tokens.flat()).size).toBeGreaterThan(1);
  });

  test("logits at every position, in pieces of any length", () => {
    noGrad(() =>
      tidy(() => {
        const tokens = Tensor.from(
          Array.from({ length: 45 }, (_, i) => (i * 7) % 24),
          [3, 15],
          "int64",
        );
        const whole = gpt.forward(tokens, condition);
        using cache = gpt.createCache(3);
        const pieces = [gpt.forward(tokens.narrow(1, 0, 4), condition, { cache })];
        for (const [start, length] of [
          [4, 1],
          [5, 7],
          [12, 3],
        ] as const) {
          pieces.push(gpt.forward(tokens.narrow(1, start, length), undefined, { cache }));
        }
        expect(cat(pieces, 1).sub(whole).abs().amax().item()).toBeLessThan(1e-5);
        expect(() => gpt.forward(tokens.narrow(1, 0, 1), undefined, { cache })).toThrow(
          "17 positions asked of a GPT that has 16",
        );
      }),
    );
  });

  test("in bfloat16 the cache holds bfloat16 and changes nothing", async () => {
    const half = tinyGpt().eval().setComputeDtype("bfloat16");
    using cache = half.createCache(1);
    expect(tidy(() => cache.seen(0).map(({ dtype }) => dtype))).toEqual(["bfloat16", "bfloat16"]);
    const one = condition.narrow(0, 0, 1);
    expect(rowsOf(await half.sample(one, { temperature: 0 }))).toEqual([naive(half, one, { temperature: 0, seed: 0 })]);
  });
});

describe("a negative condition", () => {
  const gpt = tinyGpt().eval();
  const condition = tinyConditions(3);
  const other = tinyConditions(3, 6);
  const draw = async (options: SampleOptions): Promise<number[][]> =>
    rowsOf(await gpt.sample(condition, { topP: 1, seed: 10, ...options }));

  test("is led away from as its definition says, one for all rows or one for each", async () => {
    const rows = [0, 1, 2].map((row) => ({ row, own: other.narrow(0, row, 1) }));
    const naively = (negatives: readonly Tensor[]): number[][] =>
      rows.map(({ row }) => {
        const options = {
          topP: 1,
          seed: 10 + row,
          guidanceScale: 3,
          ...(negatives[row] && { negative: negatives[row] }),
        };
        return naive(gpt, condition.narrow(0, row, 1), options);
      });
    const first = other.narrow(0, 0, 1);
    const each = await draw({ guidanceScale: 3, negative: other });
    expect(each).toEqual(naively(rows.map(({ own }) => own)));
    const one = await draw({ guidanceScale: 3, negative: first });
    expect(one).toEqual(naively([first, first, first]));
    expect(one.slice(1)).not.toEqual(each.slice(1));
    expect(each).not.toEqual(await draw({ guidanceScale: 3 }));
  });

  test("that is the free one gives plain guidance", async () => {
    const negative = tidy(() => gpt.freeCondition(condition));
    expect(await draw({ guidanceScale: 3, negative })).toEqual(await draw({ guidanceScale: 3 }));
  });

  test("that is the condition itself gives what is drawn without guidance", async () => {
    const plain = await draw({});
    expect(await draw({ guidanceScale: 3, negative: condition })).toEqual(plain);
    expect(await draw({ guidanceScale: 3 })).not.toEqual(plain);
  });

  test("is refused without guidance and in another shape, and keeps no tensors", async () => {
    await expect(draw({ negative: other })).rejects.toThrow(/guidance, which is off at a guidanceScale of 1/);
    const two = tinyConditions(2);
    const wrong = "the negative condition is [2, 8], expected [3, 8] or one row of it";
    await expect(draw({ guidanceScale: 2, negative: two })).rejects.toThrow(wrong);
    const before = await settledTensors();
    using _ = await gpt.sample(condition, { guidanceScale: 2, negative: other });
    expect(memoryFigures().tensors).toBe(before + 1);
  });
});

describe("seeds", () => {
  const gpt = tinyGpt().eval();
  const condition = tinyConditions(1);
  const draw = async (seeds: number[], options: SampleOptions = {}): Promise<number[][]> =>
    rowsOf(await gpt.sample(condition.expand([seeds.length, -1]), { ...options, seed: seeds }));

  test.each([{}, { guidanceScale: 2 }])(
    "one seed draws one picture, whatever else is in the batch (%j)",
    async (options) => {
      const [alone] = await draw([7], options);
      const many = await draw([5, 6, 7, 8, 7], options);
      expect(many[2]).toEqual(alone);
      expect(many[4]).toEqual(alone);
      expect(new Set(many.map(String)).size).toBe(4);
    },
  );

  test("one number is the first of consecutive seeds", async () => {
    const tokens = rowsOf(await gpt.sample(condition.expand([3, -1]), { seed: 20 }));
    expect(tokens).toEqual(await draw([20, 21, 22]));
    expect(rowsOf(await gpt.sample(condition))).toEqual(await draw([0]));
  });

  test("the number of seeds has to be that of the rows", async () => {
    await expect(draw([1, 2]).then(() => gpt.sample(condition, { seed: [1, 2] }))).rejects.toThrow(
      "1 rows need 1 seeds, got 2",
    );
  });
});

describe("stopping", () => {
  const gpt = tinyGpt().eval();

  test("an aborted signal ends the drawing with its reason, and frees the cache", async () => {
    const condition = tinyConditions(2);
    const before = await settledTensors();
    const controller = new AbortController();
    let positions = 0;
    const run = async (): Promise<void> => {
      for await (const tokens of sampleTokens(gpt, condition, { signal: controller.signal })) {
        expect(tokens).toHaveLength(2);
        positions += 1;
        if (positions === 3) controller.abort(new Error("enough"));
      }
    };
    await expect(run()).rejects.toThrow("enough");
    expect(positions).toBe(3);
    expect(memoryFigures().tensors).toBe(before);
    await expect(gpt.sample(condition, { signal: AbortSignal.abort(new Error("before")) })).rejects.toThrow("before");
  });

  test("a reader who leaves early frees the cache, too", async () => {
    const condition = tinyConditions(1);
    const before = await settledTensors();
    for await (const tokens of sampleTokens(gpt, condition)) if (tokens.length === 1) break;
    expect(memoryFigures().tensors).toBe(before);
  });
});

describe("settings", () => {
  const gpt = tinyGpt().eval();
  const condition = tinyConditions(1);
  const wrong: [SampleOptions, string][] = [
    [{ temperature: -1 }, "temperature is -1, expected a number from 0"],
    [{ temperature: Number.NaN }, "temperature is NaN"],
    [{ topK: 0 }, "topK is 0, expected a whole number from 1"],
    [{ topK: 2.5 }, "topK is 2.5"],
    [{ topP: 1.5 }, "topP is 1.5, expected a number from 0 to 1"],
    [{ guidanceScale: Infinity }, "guidanceScale is Infinity"],
  ];

  test.each(wrong)("%j is refused", async (options, message) => {
    await expect(gpt.sample(condition, options)).rejects.toThrow(message);
  });

  test("top-k beyond the codebook keeps everything, and top-k of 1 is greedy", async () => {
    const all = await gpt.sample(condition, { topK: 1000, topP: 1, seed: 3 });
    const unlimited = await gpt.sample(condition, { topP: 1, seed: 3 });
    expect(rowsOf(all)).toEqual(rowsOf(unlimited));
    const one = await gpt.sample(condition, { topK: 1, seed: 3 });
    const none = await gpt.sample(condition, { topP: 0, seed: 4 });
    const greedy = await gpt.sample(condition, { temperature: 0 });
    expect(rowsOf(one)).toEqual(rowsOf(greedy));
    expect(rowsOf(none)).toEqual(rowsOf(greedy));
  });

  test("tokens come as often as their probabilities say", async () => {
    const rows = 4000;
    const single = tinyGpt({ tokenCount: 1, codebookSize: 6 }).eval();
    const probabilities = noGrad(() =>
      tidy(() => {
        const logits = single.forward(Tensor.from([], [1, 0], "int64"), condition).select(1, 0);
        return tokenProbabilities(logits, { topP: 0.8, temperature: 2 }).toNumbers();
      }),
    );
    const drawn = (await single.sample(condition.expand([rows, -1]), { topP: 0.8, temperature: 2 })).toNumbers();
    expect(probabilities.filter((p) => p > 0.02).length).toBeGreaterThan(2);
    for (const [token, p] of probabilities.entries()) {
      const share = drawn.filter((other) => other === token).length / rows;
      // Five deviations: one chance in a million, and the seeds are fixed.
      expect(Math.abs(share - p), `token ${token}`).toBeLessThanOrEqual(5 * Math.sqrt((p * (1 - p)) / rows));
    }
  });
});

describe("filters", () => {
  const logits = Tensor.from([0, 1, 2, 2, -Infinity, 3], [1, 6]);
  const kept = (options: { topK?: number; topP?: number }): number[] =>
    filterLogits(logits, options)
      .toNumbers()
      .flatMap((value, i) => (value === -Infinity ? [] : [i]));

  test("ties with the last one stay, and what had no chance gets none", () => {
    expect(kept({})).toEqual([0, 1, 2, 3, 5]);
    expect(kept({ topK: 1 })).toEqual([5]);
    expect(kept({ topK: 2 })).toEqual([2, 3, 5]);
    expect(kept({ topK: 6 })).toEqual([0, 1, 2, 3, 5]);
    expect(kept({ topP: 0 })).toEqual([5]);
    expect(kept({ topP: 1 })).toEqual([0, 1, 2, 3, 5]);
  });

  test("the token that crosses top-p stays, and top-p counts what top-k left", () => {
    // Softmax: 3 → 0.521, 2 → 0.192 twice, 1 → 0.070, 0 → 0.026.
    expect(kept({ topP: 0.51 })).toEqual([5]);
    expect(kept({ topP: 0.8 })).toEqual([2, 3, 5]);
    expect(kept({ topP: 0.95 })).toEqual([1, 2, 3, 5]);
    // Of the three that top-k leaves, the first has 0.576.
    expect(kept({ topK: 2, topP: 0.57 })).toEqual([5]);
  });

  test("a temperature of 0 is certain, and temperatures flatten", () => {
    expect(tokenProbabilities(logits, { temperature: 0 }).toNumbers()).toEqual([0, 0, 0, 0, 0, 1]);
    const greatest = [0.5, 1, 4].map((temperature) =>
      tokenProbabilities(logits, { temperature, topP: 1 }).amax().item(),
    );
    expect(greatest).toEqual(greatest.toSorted((a, b) => b - a));
  });
});

test("a condition of the wrong width, and too many tokens, are refused", async () => {
  const gpt = tinyGpt().eval();
  await expect(gpt.sample(Tensor.from([1, 2, 3], [1, 3]))).rejects.toThrow();
  const tokens = Tensor.from(new Int32Array(tinyGptConfig.tokenCount), [1, tinyGptConfig.tokenCount]).to("int64");
  expect(() => gpt.forward(tokens, tinyConditions(1))).toThrow(RangeError);
});
