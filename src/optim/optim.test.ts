import { describe, expect, test } from "vitest";
import { Golden, goldenNote, hasGolden } from "../../test/golden.ts";
import { Linear } from "../nn/layers.ts";
import { Module } from "../nn/module.ts";
import { manualSeed } from "../tensor/random.ts";
import { Parameter } from "../tensor/parameter.ts";
import { tidy } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { Adam } from "./adam.ts";
import { Ema } from "./ema.ts";
import { cosineAnnealing, cosineWithWarmup } from "./schedule.ts";

type Rates = {
  value: { T_max: number; base_lr: number; eta_min: number; at: { step: number; closed_form: number }[] };
};
type Trace = { loss: number; w: number[] }[];

const linspace = (from: number, to: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => from + ((to - from) * i) / (count - 1));

describe.skipIf(!hasGolden)(`the reference's rates and traces${goldenNote}`, () => {
  const values = hasGolden ? new Golden("seed-losses").values : {};

  test.each(["cosine_lr_seed", "cosine_lr_with_floor"])("%s", (name) => {
    const { value } = values[name] as Rates;
    const schedule = cosineAnnealing({ lr: value.base_lr, tMax: value.T_max, minLr: value.eta_min });
    for (const { step, closed_form: expected } of value.at)
      expect(Math.abs(schedule(step) - expected)).toBeLessThan(5e-14);
  });

  test("the optimizers", () => {
    const { value } = values["optimizer_trace"] as { value: Record<string, Trace | string> };
    const traces = Object.entries(value).filter((entry): entry is [string, Trace] => Array.isArray(entry[1]));
    expect(traces.length).toBeGreaterThan(0);
    for (const [name, trace] of traces) {
      // For example adamw_lr0.1_wd0.01_betas0.9_0.95
      const part = (key: string): number | undefined => {
        const text = new RegExp(`_${key}([\\d.e-]+)`).exec(name)?.[1];
        return text === undefined ? undefined : Number(text);
      };
      const betas = /_betas([\d.]+)_([\d.]+)/.exec(name);
      const w = new Parameter(Tensor.from(linspace(-1, 1, 7)));
      const optimizer = new Adam(new Map([["w", w]]), {
        weightDecay: part("wd") ?? 0,
        decays: () => true,
        ...(betas && { betas: [Number(betas[1]), Number(betas[2])] as const }),
      });
      const scale = Tensor.from(linspace(0.5, 3, 7));
      const pull = Tensor.from(linspace(0.2, -0.4, 7));
      for (const step of trace) {
        const loss = w.square().mul(scale).sum().mul(0.5).sub(w.mul(pull).sum());
        expect(loss.item()).toBeCloseTo(step.loss, 5);
        optimizer.zeroGrad();
        loss.backward();
        optimizer.step(part("lr") ?? Number.NaN);
        for (const [i, actual] of w.toNumbers().entries()) expect(actual).toBeCloseTo(step.w[i] ?? Number.NaN, 5);
      }
    }
  });
});

test("only matrices that are no embeddings decay", () => {
  class Net extends Module {
    linear: Linear = new Linear(2, 2);
    positionEmbedding: Parameter = new Parameter(Tensor.from([1, 1, 1, 1], [2, 2]));
  }
  const net = new Net();
  const before = new Map([...net.namedParameters()].map(([name, p]) => [name, p.toNumbers()]));
  for (const p of net.parameters()) p.grad = p.detach().zerosLike();
  new Adam(net.namedParameters(), { weightDecay: 0.1 }).step(1);
  for (const [name, p] of net.namedParameters()) {
    const factor = name === "linear.weight" ? 0.9 : 1;
    for (const [i, value] of p.toNumbers().entries())
      expect(value).toBeCloseTo((before.get(name)?.[i] ?? 0) * factor, 6);
  }
});

test("an optimizer that is saved and restored goes on exactly", () => {
  manualSeed(1);
  const net = new Linear(3, 3);
  const x = Tensor.from([1, 2, 3], [1, 3]);
  const run = (optimizer: Adam, steps: number): void => {
    for (let i = 0; i < steps; i += 1) {
      tidy(() => {
        optimizer.zeroGrad();
        net.forward(x).square().sum().backward();
        optimizer.step(0.01);
      });
    }
  };
  const first = new Adam(net.namedParameters());
  run(first, 3);
  const weights = new Map([...net.stateDict()].map(([name, t]) => [name, t.detach().clone()]));
  const moments = new Map([...first.stateDict()].map(([name, t]) => [name, t.clone()]));
  run(first, 3);
  const expected = net.weight.toNumbers();
  net.loadStateDict(weights);
  const second = new Adam(net.namedParameters());
  second.loadStateDict(moments);
  run(second, 3);
  expect(net.weight.toNumbers()).toEqual(expected);
  expect(() => second.loadStateDict(new Map())).toThrow(/does not fit these parameters: step, m.weight/);
});

test("gradients are scaled to the greatest norm that is allowed", () => {
  for (const [maxNorm, counted] of [
    [0, [3, 4]],
    [10, [3, 4]],
    [1, [0.6, 0.8]],
  ] as const) {
    const p = new Parameter(Tensor.from([0, 0]));
    p.grad = Tensor.from([3, 4]);
    // With β₁ = 0 and a great ε a step is lr · gradient / ε.
    const optimizer = new Adam(new Map([["p", p]]), { betas: [0, 0.999], eps: 1e6 });
    expect(optimizer.step(1e6, { maxNorm })).toBe(5);
    expect(p.toNumbers().map((value) => -Math.round(value * 1e4) / 1e4)).toEqual(counted);
  }
});

test("warm-up rises from 0 and the rate ends at its floor", () => {
  const schedule = cosineWithWarmup({ lr: 1, warmup: 10, total: 110, minLr: 0.1 });
  expect([schedule(0), schedule(5), schedule(10)]).toEqual([0, 0.5, 1]);
  expect(schedule(60)).toBeCloseTo(0.55, 10);
  expect([schedule(110), schedule(500)]).toEqual([0.1, 0.1]);
});

test("an average of weights follows them, and can stand in for them", async () => {
  const net = new Linear(1, 1, { bias: false });
  net.loadStateDict(new Map([["weight", Tensor.from([0], [1, 1])]]));
  const ema = new Ema(net, { decay: 0.9 });
  net.loadStateDict(new Map([["weight", Tensor.from([1], [1, 1])]]));
  ema.update(); // decay (1 + 1) / (10 + 1)
  const average = await ema.with(() => net.weight.item());
  expect(average).toBeCloseTo(1 - 2 / 11, 6);
  expect(net.weight.item()).toBe(1);
  ema.restart("weight");
  expect(await ema.with(() => net.weight.item())).toBe(1);
  expect(() => ema.restart("bias")).toThrow("there is no bias to average");
});
