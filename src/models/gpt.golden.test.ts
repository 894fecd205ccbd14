import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { Golden, goldenCases, goldenNote, hasGolden } from "../../test/golden.ts";
import { Adam } from "../optim/adam.ts";
import { cosineWithWarmup } from "../optim/schedule.ts";
import { noGrad } from "../tensor/autograd.ts";
import { setThreadCount } from "../tensor/engine.ts";
import { cat, full, stack } from "../tensor/functions.generated.ts";
import { tidy } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { crossEntropy } from "../train/losses.ts";
import { hfaiGptNames } from "./formats/gpt-hfai.ts";
import { Gpt } from "./gpt.ts";
import { filterLogits, tokenProbabilities } from "./sampling.ts";

const configSchema = z.object({
  vocab_size: z.number(),
  n_layer: z.number(),
  n_embed: z.number(),
  n_head: z.number(),
  block_size: z.number(),
  n_cond_embed: z.number(),
  dropout: z.number(),
  optimizer: z.object({
    betas: z.tuple([z.number(), z.number()]),
    eps: z.number(),
    weight_decay_group0: z.number(),
    schedule: z.object({ warmup_epochs: z.number(), epochs: z.number(), lr: z.number(), min_lr: z.number() }),
    steps_per_epoch: z.number(),
    group0_decayed: z.array(z.string()),
  }),
});
const normsSchema = z.object({ value: z.record(z.string(), z.object({ norm: z.number(), atol: z.number() })) });
const stepsSchema = z.object({
  value: z.array(z.object({ step: z.number(), lr: z.number(), loss: z.number(), atol: z.number() })),
});
const scheduleSchema = z.object({
  value: z.object({
    warmup_epochs: z.number(),
    epochs: z.number(),
    lr: z.number(),
    min_lr: z.number(),
    epoch: z.array(z.number()),
    lr_at: z.array(z.number()),
  }),
});
const scalarSchema = z.object({ value: z.number(), tolerance: z.object({ atol: z.number() }) });
const filterSchema = z.looseObject({ top_k: z.number().nullable(), top_p: z.number() });
const drawSchema = filterSchema.extend({ temperature: z.number(), meaning: z.string() });

// One tensor has several names in the reference and here.
const ownNames = new Map(hfaiGptNames(99).map(({ theirs, ours }) => [theirs, ours]));
const ownName = (name: string): string => ownNames.get(name) ?? name;

if (!hasGolden) test.skip(`the GPT of HFAiLab/clip-gen${goldenNote}`, () => {});

describe.each(goldenCases("clipgen-gpt"))("the GPT of HFAiLab/clip-gen: %s", (name) => {
  const golden = new Golden(name);
  const config = configSchema.parse(golden.config);

  const load = (file = "gpt.safetensors"): Promise<Gpt> =>
    Gpt.fromPretrained(golden.path(file), { heads: config.n_head });
  const prefix = (count: number): Tensor => golden.tensor("train_indices").narrow(1, 0, count);
  const loss = (gpt: Gpt): Tensor => {
    const targets = golden.tensor("train_indices");
    return crossEntropy(gpt.forward(prefix(targets.size(1) - 1), golden.tensor("train_embed")), targets);
  };
  let gpt: Gpt;

  beforeAll(async () => {
    setThreadCount(1); // networks this small lose more time to waiting for other threads than they gain
    gpt = await load();
  });

  test.each(["gpt.pt", "gpt.safetensors"])("logits, whole and of prefixes, with the weights of %s", async (file) => {
    const loaded = await load(file);
    noGrad(() =>
      tidy(() => {
        const embed = golden.tensor("train_embed");
        golden.expectEqual("logits", loaded.forward(prefix(config.block_size - 1), embed));
        golden.expectEqual("logits_empty", loaded.forward(prefix(0), embed));
        golden.expectEqual("logits_prefix3", loaded.forward(prefix(3), embed));
      }),
    );
  });

  test("the first block's output", () => {
    noGrad(() =>
      tidy(() => {
        const length = config.block_size;
        const condition = gpt.conditionProj?.forward(golden.tensor("train_embed")).unsqueeze(1) ?? gpt.head.weight;
        const x = cat([condition, gpt.tokenEmbedding.forward(prefix(length - 1))], 1).add(gpt.positionEmbedding ?? 0);
        const context = { mask: full([length, length], -Infinity).triu(1), cached: undefined, rotation: undefined };
        golden.expectEqual("block0_out", gpt.blocks[0]?.forward(x, context) ?? x);
      }),
    );
  });

  test("cross-entropy and the gradient of every parameter", async () => {
    const own = await load();
    tidy(() => {
      const value = loss(own);
      golden.expectEqual("cross_entropy", value.detach());
      value.backward();
      const parameters = own.namedParameters();
      const norms = Object.entries(normsSchema.parse(golden.values["grad_norms"]).value);
      expect(norms.map(([original]) => ownName(original)).toSorted()).toEqual([...parameters.keys()].toSorted());
      for (const [original, { norm, atol }] of norms) {
        const actual = parameters.get(ownName(original))?.grad?.vectorNorm().item() ?? Number.NaN;
        expect(Math.abs(actual - norm), original).toBeLessThanOrEqual(atol);
      }
    });
  });

  test("steps of AdamW, with their rates", async () => {
    const own = await load();
    const { betas, eps, weight_decay_group0: weightDecay, schedule, steps_per_epoch: perEpoch } = config.optimizer;
    const decayed = new Set(config.optimizer.group0_decayed.map(ownName));
    const seen = new Set<string>();
    const optimizer = new Adam(own.namedParameters(), { betas, eps, weightDecay });
    const { warmup_epochs: warmup, epochs: total, lr, min_lr: minLr } = schedule;
    const rate = cosineWithWarmup({ lr, minLr, warmup, total });
    for (const expected of stepsSchema.parse(golden.values["adamw_steps"]).value) {
      tidy(() => {
        const now = rate(expected.step / perEpoch);
        expect(now).toBeCloseTo(expected.lr, 12);
        const value = loss(own);
        expect(Math.abs(value.item() - expected.loss), `step ${expected.step}`).toBeLessThanOrEqual(expected.atol);
        optimizer.zeroGrad();
        value.backward();
        optimizer.step(now);
      });
    }
    const after = scalarSchema.parse(golden.values["loss_after_5_steps"]);
    expect(Math.abs(tidy(() => loss(own).item()) - after.value)).toBeLessThanOrEqual(after.tolerance.atol);

    // What decays by itself is what decays there: with gradients of zero, only decay moves a weight.
    const still = new Adam(own.namedParameters(), { weightDecay: 0.5 });
    tidy(() => {
      const before = new Map([...own.namedParameters()].map(([key, p]) => [key, p.detach().clone()]));
      for (const p of own.parameters()) p.grad = p.detach().zerosLike();
      still.step(1);
      for (const [key, p] of own.namedParameters()) {
        const unmoved = p
          .detach()
          .eq(before.get(key) ?? p)
          .all()
          .item();
        if (unmoved === 0) seen.add(key);
      }
    });
    expect([...seen].toSorted()).toEqual([...decayed].toSorted());
  });

  test("the schedule of the published training", () => {
    const {
      warmup_epochs: warmup,
      epochs: total,
      lr,
      min_lr: minLr,
      ...points
    } = scheduleSchema.parse(golden.values["schedule_real"]).value;
    const rate = cosineWithWarmup({ lr, minLr, warmup, total });
    for (const [i, epoch] of points.epoch.entries()) {
      const expected = points.lr_at[i] ?? Number.NaN;
      expect(Math.abs(rate(epoch) - expected), `epoch ${epoch}`).toBeLessThanOrEqual(1e-12 * expected + 1e-20);
    }
  });

  test("greedy tokens, with and without a cache", async () => {
    const embed = golden.tensor("embed");
    const steps = golden.tensor("greedy_tokens").size(1);
    const tokens = await gpt.sample(embed, { temperature: 0 });
    golden.expectEqual("greedy_tokens", tokens.narrow(1, 0, steps));
    noGrad(() =>
      tidy(() => {
        golden.expectEqual("greedy_logits", gpt.forward(tokens.narrow(1, 0, steps - 1), embed));
        let naive = tokens.narrow(1, 0, 0);
        for (let i = 0; i < steps; i += 1) {
          const next = gpt.forward(naive, embed).select(1, -1).argmax(-1, true);
          naive = cat([naive, next], 1);
        }
        golden.expectEqual("greedy_tokens", naive);
      }),
    );
  });

  test("what top-k and top-p leave", () => {
    const filters = golden.names.filter((key) => key.startsWith("filtered_"));
    const ties = golden.names.filter((key) => key.startsWith("tie_topk_"));
    expect(filters.length * ties.length).toBeGreaterThan(0);
    for (const key of filters) {
      const { top_k: topK, top_p: topP } = filterSchema.parse(golden.details(key));
      golden.expectEqual(key, filterLogits(golden.tensor("filter_logits"), { topK: topK ?? undefined, topP }));
    }
    for (const key of ties) {
      const topK = Number(key.slice("tie_topk_".length));
      golden.expectEqual(key, filterLogits(golden.tensor("tie_logits"), { topK }));
    }
  });

  test("the distribution that tokens are drawn from", () => {
    const keys = golden.names.filter((key) => key.startsWith("sample_probs_"));
    expect(keys.length).toBeGreaterThan(0);
    for (const key of keys) {
      const { top_k: topK, top_p: topP, temperature, meaning } = drawSchema.parse(golden.details(key));
      const seen = Number(/\[:, :(\d+)\]/.exec(meaning)?.[1]);
      noGrad(() =>
        tidy(() => {
          const logits = gpt.forward(prefix(seen), golden.tensor("train_embed")).select(1, -1);
          golden.expectEqual(key, tokenProbabilities(logits, { temperature, topP, ...(topK !== null && { topK }) }));
        }),
      );
    }
  });
});

describe.skipIf(!hasGolden)(`the transformer of taming-transformers${goldenNote}`, () => {
  test("logits, alone and after explicit embeddings", async () => {
    const golden = new Golden("gpt-taming");
    const gpt = await Gpt.fromPretrained(golden.path("net2net.ckpt"), { heads: 4 });
    noGrad(() =>
      tidy(() => {
        const tokens = golden.tensor("idx");
        const logits = gpt.forward(tokens, undefined);
        golden.expectEqual("logits", logits);
        const before = logits.narrow(1, 0, tokens.size(1) - 1);
        golden.expectEqual("loss_next_token", crossEntropy(before, tokens.narrow(1, 1, tokens.size(1) - 1)));
        const embeddings = golden.tensor("embeddings");
        golden.expectEqual("logits_with_embeddings", gpt.forward(tokens.narrow(1, 0, 4), embeddings));
      }),
    );
  });

  test("keys and values of the cache, and what it draws with it", async () => {
    const golden = new Golden("gpt-taming");
    const gpt = await Gpt.fromPretrained(golden.path("net2net.ckpt"), { heads: 4 });
    const present = golden.tensor("present");
    using cache = gpt.createCache(present.size(2));
    noGrad(() =>
      tidy(() => {
        gpt.forward(golden.tensor("idx").narrow(1, 0, present.size(4)), undefined, { cache });
        const layers = gpt.blocks.map((_, layer) => stack(cache.seen(layer)));
        golden.expectEqual("present", stack(layers));
      }),
    );
    const greedy = golden.tensor("greedy");
    using whole = gpt.createCache(greedy.size(0));
    noGrad(() =>
      tidy(() => {
        let tokens = golden.tensor("start");
        let last = tokens;
        while (tokens.size(1) < greedy.size(1)) {
          last = gpt.forward(last, undefined, { cache: whole }).select(1, -1).argmax(-1, true);
          tokens = cat([tokens, last], 1);
        }
        golden.expectEqual("greedy", tokens);
      }),
    );
  });
});
