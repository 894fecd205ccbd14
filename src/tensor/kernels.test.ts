import { afterAll, describe, expect, test } from "vitest";
import type { DType } from "./dtype.ts";
import { noGrad } from "./autograd.ts";
import {
  adam_,
  addDropout,
  attendCached,
  attention,
  channelNorm,
  crossEntropy,
  decodeBlock,
  drawTokens,
  dropout,
  gelu,
  gradNorm,
  layerNorm,
  linear,
  ones,
  rand,
  randn,
  zeros,
} from "./functions.generated.ts";
import { native } from "./native.ts";
import { manualSeed } from "./random.ts";
import { tidy } from "./scope.ts";
import { Tensor } from "./tensor.ts";
import { tokenProbabilities } from "../models/sampling.ts";

// Float64 goes through libtorch's own operators, and is what every set of kernels is measured against.

const SETS = native.kernels();
afterAll(() => native.useKernels(SETS.at(-1) ?? "portable"));

const DTYPES = ["float32", "bfloat16"] as const satisfies DType[];

/** Of values about 1: some roundings of the dtype. */
const TOLERANCE = { float32: 1e-5, bfloat16: 0.03 };

type Layer = { inputs: () => Tensor[]; run: (...inputs: Tensor[]) => Tensor };

// Widths around the vectors' own: 1 element, some that leave a rest, several vectors.
const LAYERS: Record<string, Layer> = {
  "layerNorm, 37 wide": { inputs: () => [randn([5, 37]), randn([37]), randn([37])], run: runLayerNorm },
  "layerNorm, 256 wide": { inputs: () => [randn([2, 70, 256]), randn([256]), randn([256])], run: runLayerNorm },
  gelu: { inputs: () => [randn([3, 1111]).mul(3)], run: (x) => gelu(x ?? zeros([])) },
  "attention, causal": { inputs: () => [randn([2, 37, 3 * 24])], run: (x) => attention(x ?? zeros([]), 3, true, 0) },
  "attention, all see all": {
    inputs: () => [randn([3, 50, 3 * 32])],
    run: (x) => attention(x ?? zeros([]), 2, false, 0),
  },
  // Depths that are a multiple of 8 and of no more, rows and columns that no block divides; and more depth than one pass has.
  "linear, 40 → 72, 21 rows": { inputs: () => [randn([3, 7, 40]), randn([72, 40]), randn([72])], run: runLinear },
  "linear, 96 → 136, 11 rows": { inputs: () => [randn([11, 96]), randn([136, 96]), randn([136])], run: runLinear },
  "linear, 2088 → 24, 2050 rows": {
    inputs: () => [randn([2050, 2088]).div(45), randn([24, 2088]), randn([24])],
    run: runLinear,
  },
  "linear, 40 → 72, no bias": { inputs: () => [randn([9, 40]), randn([72, 40])], run: runLinear },
  "linear, 37 → 50": { inputs: () => [randn([9, 37]), randn([50, 37]), randn([50])], run: runLinear },
  "channelNorm, 3 groups": norm(3, false, "none"),
  "channelNorm, 3 groups, silu": norm(3, false, "silu"),
  "channelNorm over the batch, leaky": norm(12, true, "leaky_relu"),
};

function norm(groups: number, overBatch: boolean, activation: string): Layer {
  return {
    inputs: () => [randn([3, 12, 21, 17]).add(0.5), randn([12]), randn([12])],
    run: (...[x, weight, bias]) => {
      if (!x || !weight || !bias) throw new Error("three inputs");
      return channelNorm(x, weight, bias, groups, overBatch, 1e-5, activation)[0];
    },
  };
}

function runLinear(...[x, weight, bias]: Tensor[]): Tensor {
  if (!x || !weight) throw new Error("two inputs or three");
  return linear(x, weight, { bias });
}

function runLayerNorm(...[x, weight, bias]: Tensor[]): Tensor {
  if (!x || !weight || !bias) throw new Error("three inputs");
  return layerNorm(x, weight, bias, 1e-5);
}

/** The result, and the gradients of all inputs when the result's is `upstream`. */
function withGradients({ run }: Layer, inputs: readonly Tensor[], upstream: Tensor): Tensor[] {
  for (const input of inputs) input.setRequiresGrad(true);
  const result = run(...inputs);
  result.mul(upstream).sum().backward();
  return [result.detach(), ...inputs.map((input) => input.grad ?? zeros([]))];
}

function greatestDifference(a: Tensor, b: Tensor): number {
  const scale = Math.max(1, b.abs().amax().item());
  return a.to("float64").sub(b.to("float64")).abs().amax().item() / scale;
}

describe.each(SETS)("kernels for %s", (set) => {
  for (const dtype of DTYPES) {
    test.each(Object.entries(LAYERS))(`%s in ${dtype} is what float64 gives, with its gradients`, (_, layer) => {
      native.useKernels(set);
      tidy(() => {
        manualSeed(1);
        // The same numbers for both: what the dtype can hold.
        const inputs = layer.inputs().map((input, i) => (i === 0 ? input.to(dtype) : input));
        const wide = inputs.map((input) => input.detach().to("float64"));
        const shape = noGrad(() => layer.run(...wide).shape);
        const upstream = randn(shape).to(dtype);
        const exact = withGradients(layer, wide, upstream.to("float64"));
        const own = withGradients(
          layer,
          inputs.map((input) => input.detach().clone()),
          upstream,
        );
        for (const [i, tensor] of own.entries()) {
          const reference = exact[i];
          if (!reference) throw new Error("as many results");
          expect(greatestDifference(tensor, reference), `result ${i}`).toBeLessThan(TOLERANCE[dtype]);
        }
      });
    });

    test(`crossEntropy in ${dtype} is what float64 gives, with its gradient`, () => {
      native.useKernels(set);
      tidy(() => {
        manualSeed(2);
        const logits = randn([2, 3, 77]).mul(5).to(dtype);
        const targets = Tensor.from([0, 76, 5, 33, 0, 64], [2, 3], "int64");
        const exact = logits.detach().to("float64").setRequiresGrad(true);
        const own = logits.detach().clone().setRequiresGrad(true);
        const expected = crossEntropy(exact, targets);
        const loss = crossEntropy(own, targets);
        expected.backward();
        loss.backward();
        expect(Math.abs(loss.item() - expected.item())).toBeLessThan(1e-5);
        expect(loss.dtype).toBe("float32");
        expect(greatestDifference(own.grad ?? zeros([]), exact.grad ?? zeros([]))).toBeLessThan(TOLERANCE[dtype] / 4);
      });
    });

    test(`dropout in ${dtype} keeps the right share, scaled, and its gradient has the same mask`, () => {
      native.useKernels(set);
      tidy(() => {
        manualSeed(3);
        const x = ones([400, 250]).to(dtype).setRequiresGrad(true);
        const y = dropout(x, 0.25);
        y.sum().backward();
        const values = y.toNumbers();
        const kept = values.filter((value) => value !== 0);
        expect(Math.abs(kept.length / values.length - 0.75)).toBeLessThan(0.005);
        expect(kept.every((value) => Math.abs(value - 4 / 3) < 0.01)).toBe(true);
        expect(x.grad?.toNumbers()).toEqual(values);
        // No pattern along rows or columns.
        for (const dim of [0, 1]) {
          const share = y.detach().to("float32").gt(0).to("float32").mean([dim]);
          expect(share.amin().item()).toBeGreaterThan(0.6);
          expect(share.amax().item()).toBeLessThan(0.9);
        }
        expect(dropout(x, 0.25).toNumbers()).not.toEqual(values);
        manualSeed(3);
        expect(dropout(x, 0.25).toNumbers()).toEqual(values);
        manualSeed(3);
        const added = addDropout(x, x, 0.25).toNumbers();
        expect(added.every((value, i) => Math.abs(value - 1 - (values[i] ?? 0)) < 0.02)).toBe(true);
      });
    });

    test(`attention with dropout in ${dtype} is on average the one without, and its gradient fits`, () => {
      native.useKernels(set);
      tidy(() => {
        manualSeed(4);
        const qkv = randn([1, 8, 3 * 16]).to(dtype);
        const whole = attention(qkv, 2, true, 0).to("float64");
        const runs = 400;
        let sum = zeros(whole.shape).to("float64");
        for (let i = 0; i < runs; i += 1) sum = sum.add(attention(qkv, 2, true, 0.3).to("float64"));
        expect(greatestDifference(sum.div(runs), whole)).toBeLessThan(0.15);
        if (dtype !== "float32") return;
        // The same mask: a finite difference along a random direction.
        const direction = randn(qkv.shape).div(qkv.numel ** 0.5);
        const upstream = randn(whole.shape);
        const loss = (x: Tensor): Tensor => {
          manualSeed(5);
          return attention(x, 2, true, 0.3).mul(upstream).sum();
        };
        const x = qkv.detach().clone().setRequiresGrad(true);
        loss(x).backward();
        const slope = (x.grad ?? zeros([])).mul(direction).sum().item();
        const step = 1e-2;
        const ahead = loss(qkv.add(direction, { alpha: step })).item();
        const behind = loss(qkv.sub(direction, { alpha: step })).item();
        expect(slope).toBeCloseTo((ahead - behind) / (2 * step), 2);
      });
    });
  }

  test("a linear layer that is frozen but for its bias or its input learns those alone", () => {
    native.useKernels(set);
    tidy(() => {
      manualSeed(6);
      const [x, weight, bias] = [randn([9, 40]).to("bfloat16"), randn([72, 40]), randn([72])];
      for (const learned of [x, bias]) {
        for (const input of [x, weight, bias]) input.setRequiresGrad(input === learned);
        linear(x, weight, { bias }).sum().backward();
        expect(weight.grad).toBeUndefined();
        expect(learned.grad).toBeDefined();
      }
      expect(greatestDifference(bias.grad ?? zeros([]), bias.detach().onesLike().mul(9))).toBeLessThan(1e-6);
      expect(greatestDifference(x.grad ?? zeros([]), weight.sum([0]).expand([9, 40]))).toBeLessThan(TOLERANCE.bfloat16);
    });
  });

  const products = DTYPES.flatMap((dtype) => [
    { dtype, inputs: 96, outputs: 77 },
    { dtype, inputs: 2080, outputs: 72 },
  ]);
  test.each(products)(
    "rows times weights of every format, $inputs → $outputs in $dtype",
    ({ dtype, inputs, outputs }) => {
      native.useKernels(set);
      noGrad(() =>
        tidy(() => {
          manualSeed(7);
          const weight = randn([outputs, inputs]).to("bfloat16");
          const steps = weight.to("float32").abs().amax([1]).div(127);
          const int8 = weight.to("float32").div(steps.unsqueeze(1)).round().to("int8");
          const bias = randn([outputs]);
          const formats = [
            { weight: weight.to("float32"), exact: weight.to("float64") },
            { weight, exact: weight.to("float64") },
            { weight: int8, scale: steps, exact: int8.to("float64").mul(steps.to("float64").unsqueeze(1)) },
          ];
          // Few rows, many, and what the library takes.
          for (const rows of [1, 2, 3, 5, 7, 8, 20, 40]) {
            const x = randn([rows, inputs]).to(dtype);
            for (const { weight: stored, scale, exact } of formats) {
              const y = linear(x, stored, { bias, scale });
              const expected = x.to("float64").matmul(exact.t()).add(bias.to("float64"));
              const rounded = dtype === "bfloat16" && stored.dtype === "int8" ? 0.01 : 0;
              expect(y.dtype).toBe(dtype);
              expect(greatestDifference(y, expected)).toBeLessThan(TOLERANCE[dtype] / 2 + rounded);
            }
          }
        }),
      );
    },
  );

  test.each(DTYPES)("a block for new positions, in %s, is what float64 gives", (dtype) => {
    native.useKernels(set);
    noGrad(() =>
      tidy(() => {
        manualSeed(9);
        const [heads, headWidth, room] = [3, 32, 64];
        const width = heads * headWidth;
        const norms = [ones([width]), zeros([width]), randn([width]), randn([width])];
        const layers = [
          [width, 3 * width],
          [width, width],
          [width, 4 * width],
          [4 * width, width],
        ].map(([inputs = 0, outputs = 0]) => ({
          weight: randn([outputs, inputs])
            .div(inputs ** 0.5)
            .to("bfloat16"),
          bias: randn([outputs]),
        }));
        const exactLayers = layers.flatMap(({ weight, bias }) => [weight.to("float64"), bias.to("float64"), undefined]);
        const ownLayers = layers.flatMap(({ weight, bias }) => [weight.to(dtype), bias, undefined]);
        const exactNorms = norms.map((weights) => weights.to("float64"));
        // Few rows at once, more of them, and several positions.
        for (const [rows, length] of [
          [1, 1],
          [3, 1],
          [20, 1],
          [2, 5],
        ] as const) {
          const keys = zeros([rows, heads, room / 32, headWidth, 32], { dtype });
          const values = zeros([rows, heads, room, headWidth], { dtype });
          const [wideKeys, wideValues] = [values.to("float64"), values.to("float64")];
          for (const start of [0, length]) {
            const x = randn([rows, length, width]).to(dtype);
            const own = decodeBlock(x, keys, values, start, norms, ownLayers, 1e-5);
            const wide = x.to("float64");
            const exact = decodeBlock(wide, wideKeys, wideValues, start, exactNorms, exactLayers, 1e-5);
            expect(own.dtype).toBe(dtype);
            expect(greatestDifference(own, exact)).toBeLessThan(TOLERANCE[dtype]);
          }
        }
      }),
    );
  });

  test.each(DTYPES)("attention over a cache, in %s, is attention over the whole", (dtype) => {
    native.useKernels(set);
    noGrad(() =>
      tidy(() => {
        manualSeed(8);
        const [batch, heads, width, length] = [2, 3, 24, 70];
        const qkv = randn([batch, length, 3 * heads * width]).to(dtype);
        const whole = attention(qkv.to("float64"), heads, true, 0);
        const room = 96;
        const caches = [
          zeros([batch, heads, room / 32, width, 32], { dtype }), // in blocks
          zeros([batch, heads, room, width], { dtype }), // through the library
        ];
        for (const keys of caches) {
          const values = zeros([batch, heads, room, width], { dtype });
          for (let start = 0, step = 1; start < length; start += step, step = Math.min(3 * step, length - start)) {
            const part = attendCached(qkv.narrow(1, start, step), keys, values, start);
            expect(greatestDifference(part, whole.narrow(1, start, step))).toBeLessThan(TOLERANCE[dtype]);
          }
        }
      }),
    );
  });

  test("tokens are drawn from the distribution that the filters leave", () => {
    native.useKernels(set);
    tidy(() => {
      manualSeed(9);
      for (const classes of [5, 1000]) {
        const logits = randn([16, classes]).mul(3);
        for (const options of [
          { topP: 1 },
          { topP: 0.9 },
          { topP: 0.3, temperature: 0.7 },
          { topK: 3, topP: 1 },
          { topK: 100, topP: 0.8, temperature: 1.3 },
          { topP: 0 },
        ]) {
          const draws = rand([16]).toNumbers();
          const { temperature = 1, topK = 0, topP } = options;
          const tokens = drawTokens(logits, draws, temperature, topK, topP).toNumbers();
          const cumulative = tokenProbabilities(logits, options).to("float64").cumsum(-1).toArray();
          for (const [row, token] of tokens.entries()) {
            // The token at which the distribution function passes the number that was drawn.
            const [before, after] = [token - 1, token].map((i) => (i < 0 ? 0 : Number(cumulative[row * classes + i])));
            expect(draws[row]).toBeGreaterThan((before ?? 0) - 1e-5);
            expect(draws[row]).toBeLessThan((after ?? 0) + 1e-5);
          }
        }
      }
      // Equal logits: the first ones stay, up to the one that crosses the share.
      const even = zeros([1, 8]);
      expect(drawTokens(even, [0.999], 1, 0, 0.5).item()).toBe(4);
      expect(drawTokens(even, [0.999], 1, 0, 1).item()).toBe(7);
    });
  });

  test("adam_ and gradNorm are what float64 arithmetic gives", () => {
    native.useKernels(set);
    tidy(() => {
      manualSeed(6);
      const sizes = [1, 37, 100_003];
      const list = (): Tensor[] => sizes.map((size) => randn([size]));
      const [parameters, grads, ms, vs] = [list(), list(), list(), list().map((v) => v.square())];
      const wide = [parameters, grads, ms, vs].map((tensors) => tensors.map((t) => t.to("float64")));
      const [p64 = [], g64 = [], m64 = [], v64 = []] = wide;
      const exact = Math.hypot(...g64.map((g) => g.vectorNorm().item()));
      expect(gradNorm(grads).item() / exact).toBeCloseTo(1, 6);
      const settings = [[0.1, 0, 0.01], 0.01, 0.9, 0.95, 1e-8, 3, 0.5] as const;
      adam_(parameters, grads, ms, vs, ...settings);
      adam_(p64, g64, m64, v64, ...settings); // through libtorch
      for (const [i, parameter] of parameters.entries()) {
        expect(greatestDifference(parameter, p64[i] ?? zeros([]))).toBeLessThan(1e-6);
        expect(greatestDifference(vs[i] ?? zeros([]), v64[i] ?? zeros([]))).toBeLessThan(1e-6);
      }
    });
  });
});

test("what does not fit is refused with a message", () => {
  tidy(() => {
    expect(() => layerNorm(ones([2, 3]), ones([4]), ones([4]), 1e-5)).toThrow("do not fit an input");
    expect(() => attention(ones([2, 3, 8]), 3, true, 0)).toThrow("is no (B, T, 3 · C) for 3 heads");
    expect(() => crossEntropy(ones([2, 3]), Tensor.from([0, 3], [2], "int64"))).toThrow("a target is none of 3");
    expect(() => dropout(ones([2]), 1)).toThrow("p is 1, expected a number from 0 to below 1");
    expect(() => native.useKernels("mmx")).toThrow("this CPU runs no kernels called 'mmx'");
  });
});
