import { describe, expect, test } from "vitest";
import { bytesOf, tinyClip, tinyEncoded, tinyGpt, tinyVqgan } from "../../test/tiny.ts";
import { gptObjectives, gptTraining, type GptObjective, type GptTraining } from "../config.ts";
import type { EncodedSet } from "../data/encoded.ts";
import { toPixels } from "../data/batches.ts";
import type { Clip } from "../models/clip.ts";
import type { Gpt } from "../models/gpt.ts";
import type { Vqgan } from "../models/vqgan.ts";
import type { Module } from "../nn/module.ts";
import { normalize } from "../nn/functional.ts";
import { setThreadCount } from "../tensor/engine.ts";
import { tidy } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { decodeStraightThrough, gptObjective, type Judges, type Prediction } from "./gpt-objective.ts";
import { addNoise, dropConditions } from "./gpt-conditions.ts";
import { gptStage } from "./gpt.ts";

// Networks this small lose more time to waiting for other threads than they gain.
setThreadCount(1);

const off: GptObjective = {
  crossEntropy: 0,
  reconstruction: 0,
  embedding: 0,
  embeddingForm: "neg-log",
  contrastive: 0,
};
const data = await tinyEncoded(6);
const size = data.pictures?.size ?? 0;

type Networks = { gpt: Gpt; vqgan: Vqgan; clip: Clip };
const networks = (): Networks => ({
  gpt: tinyGpt({ tokenCount: data.grid[0] * data.grid[1], conditionDim: data.embedDim }),
  vqgan: tinyVqgan().eval().setTrainable(false),
  clip: tinyClip().eval().setTrainable(false),
});

const config = (objective: Partial<GptObjective>, changes: object = {}): GptTraining =>
  gptTraining.parse({ steps: 4, batchSize: 3, warmup: 0, precision: "float32", objective, ...changes });

/** Which parameters have a gradient that is not zero. */
const reached = (module: Module): string[] =>
  [...module.namedParameters()].filter(([, p]) => (p.grad?.abs().sum().item() ?? 0) > 0).map(([name]) => name);

const names = (module: Module): string[] => [...module.namedParameters().keys()];

/** The first pictures of the set as a prediction. */
function predict({ gpt, clip }: Networks): Prediction {
  const rows = 4;
  const length = data.grid[0] * data.grid[1];
  // Every second row is the first view of a picture.
  const firstView = <T extends Int32Array | Float32Array | Uint8Array>(values: T, width: number): number[] =>
    Array.from({ length: rows }, (_, row) =>
      Array.from(values.subarray(2 * row * width, (2 * row + 1) * width)),
    ).flat();
  const tokens = Tensor.from(firstView(data.tokens, length), [rows, length], "int64");
  const embedding = Tensor.from(firstView(data.embeddings, data.embedDim), [rows, data.embedDim]);
  const picture = toPixels(Uint8Array.from(firstView(data.pictures?.images ?? new Uint8Array(), size * size * 3)), {
    count: rows,
    size,
  });
  const logits = gpt.forward(tokens.narrow(1, 0, length - 1), embedding);
  const textEmbedding = clip.encodeText(clip.tokenize(["a red circle", "a blue star", "a green ring", "two"]));
  return { logits, tokens, embedding, picture, textEmbedding };
}

describe("every term can be switched on, and reaches the whole GPT but not the frozen networks", () => {
  test.each([
    ["cross_entropy", { crossEntropy: 1 }],
    ["reconstruction", { reconstruction: 1 }],
    ["embedding", { embedding: 1, embeddingForm: "mse" }],
    ["embedding", { embedding: 1, embeddingForm: "neg-log" }],
  ] as const)("%s %j", (name, weights) => {
    const all = networks();
    tidy(() => {
      const { loss, terms } = gptObjective(predict(all), { ...off, ...weights }, { ...all, grid: data.grid });
      expect(terms[name]?.item()).toBeGreaterThan(0);
      expect(loss.item()).toBe(terms[name]?.item());
      loss.backward();
      expect(reached(all.gpt)).toEqual(names(all.gpt));
      expect([...reached(all.vqgan), ...reached(all.clip)]).toEqual([]);
    });
  });

  test("the contrastive term reaches both sides of a CLIP that learns", () => {
    const all = networks();
    all.clip.setTrainable(true);
    tidy(() => {
      const prediction = predict(all);
      const pictures = all.clip.encodeImage(prediction.picture ?? prediction.logits);
      const weights = { ...off, contrastive: 1 };
      const learnt = { ...prediction, embedding: normalize(pictures) };
      const { loss } = gptObjective(learnt, weights, { grid: data.grid });
      loss.backward();
      // Its temperature is fixed, so the scale of CLIP's own loss has no part in it.
      expect(reached(all.clip)).toEqual(expect.arrayContaining(["text_projection.weight", "visual_projection.weight"]));
      expect(all.clip.logitScale.grad).toBeUndefined();
      expect(reached(all.vqgan)).toEqual([]);
    });
  });
});

test("the loss is the weighted sum of the terms, and terms of weight 0 are not computed", () => {
  const all = networks();
  tidy(() => {
    const weights: GptObjective = { ...off, crossEntropy: 0.25, reconstruction: 0.5, embedding: 2, contrastive: 0.75 };
    const prediction = predict(all);
    const { loss, terms } = gptObjective(prediction, weights, { ...all, grid: data.grid });
    expect(Object.keys(terms)).toEqual(["cross_entropy", "reconstruction", "embedding", "contrastive"]);
    const value = (name: string): number => terms[name]?.item() ?? Number.NaN;
    const sum =
      0.25 * value("cross_entropy") +
      0.5 * value("reconstruction") +
      2 * value("embedding") +
      0.75 * value("contrastive");
    expect(loss.item()).toBeCloseTo(sum, 5);
    const alone = gptObjective(prediction, { ...off, crossEntropy: 1 }, { grid: data.grid });
    expect(Object.keys(alone.terms)).toEqual(["cross_entropy"]);
  });
});

test("straight through: forwards the picture of the likeliest tokens", () => {
  const { gpt, vqgan, clip } = networks();
  tidy(() => {
    const { logits } = predict({ gpt, vqgan, clip });
    const [h, w] = data.grid;
    const drawn = decodeStraightThrough(logits, vqgan, data.grid);
    const tokens = logits.argmax(-1).view([-1, h, w]);
    expect(drawn.sub(vqgan.decode(tokens)).abs().amax().item()).toBeLessThan(1e-5);
  });
});

describe("what is missing is told", () => {
  const wrong: [
    Partial<GptObjective>,
    (all: Networks) => { prediction?: Partial<Prediction>; judges: Partial<Judges> },
    string,
  ][] = [
    [{ reconstruction: 1 }, () => ({ judges: {} }), "needs a VQGAN"],
    [
      { reconstruction: 1 },
      ({ vqgan }) => ({ judges: { vqgan }, prediction: { picture: undefined } }),
      "needs the pictures",
    ],
    [{ embedding: 1 }, ({ vqgan }) => ({ judges: { vqgan } }), "needs a CLIP"],
    [{ contrastive: 1 }, () => ({ judges: {}, prediction: { textEmbedding: undefined } }), "needs captions"],
  ];
  test.each(wrong)("%j", (weights, given, message) => {
    const all = networks();
    const { prediction, judges } = given(all);
    tidy(() =>
      expect(() =>
        gptObjective({ ...predict(all), ...prediction }, { ...off, ...weights }, { grid: data.grid, ...judges }),
      ).toThrow(message),
    );
  });

  const { count, views, grid, codebookSize, embedDim, tokens, embeddings, names: files } = data;
  const bare: EncodedSet = { count, views, grid, codebookSize, embedDim, tokens, embeddings, names: files };
  test.each([
    [
      { reconstruction: 1 },
      bare,
      "the reconstruction term of the objective needs a VQGAN and the pictures (clip-gen encode --keep-pictures)",
    ],
    [{ embedding: 1 }, data, "the embedding term of the objective needs a VQGAN and a CLIP"],
    [
      { contrastive: 1 },
      { ...bare, captions: data.captions ?? [] },
      "the contrastive term of the objective needs a CLIP, captions and the pictures",
    ],
  ] as const)("before anything is trained: %j", (objective, given, message) => {
    const { gpt } = networks();
    expect(() => gptStage({ gpt, data: given, config: config(objective) })).toThrow(message);
  });

  test("networks that do not fit the encoded pictures", () => {
    const plain = config({});
    const { gpt } = networks();
    const other = tinyGpt({ tokenCount: 4 });
    const vqgan = tinyVqgan({ codebookSize: 7 });
    expect(() => gptStage({ gpt: other, data, config: plain })).toThrow(
      "the GPT has tokenCount 4, the encoded pictures have 16",
    );
    expect(() => gptStage({ gpt, vqgan, data, config: plain })).toThrow(
      "the VQGAN has codebookSize 7, the encoded pictures have 24",
    );
  });
});

describe("a step of training", () => {
  test("changes the GPT and leaves CLIP and VQGAN alone, without a gradient", () => {
    const { gpt } = networks();
    const [clip, vqgan] = [tinyClip(), tinyVqgan()]; // as they come: trainable
    const before = [gpt, clip, vqgan].map((network) => bytesOf(network.stateDict()));
    const objective = { reconstruction: 1, embedding: 1 };
    const stage = gptStage({ gpt, clip, vqgan, data, config: config(objective) });
    const metrics = stage.step(0);
    expect(Object.keys(metrics)).toEqual(["loss", "lr", "grad_norm", "cross_entropy", "reconstruction", "embedding"]);
    const after = [gpt, clip, vqgan].map((network) => bytesOf(network.stateDict()));
    expect(after[0]).not.toEqual(before[0]);
    expect(after.slice(1)).toEqual(before.slice(1));
    tidy(() => expect([...clip.parameters(), ...vqgan.parameters()].filter((p) => p.grad)).toEqual([]));
    expect([clip.training, vqgan.training, gpt.training]).toEqual([false, false, true]);
  });

  test("with the contrastive term, CLIP learns and VQGAN does not", () => {
    const { gpt, clip, vqgan } = networks();
    const before = [clip, vqgan].map((network) => bytesOf(network.stateDict()));
    const stage = gptStage({ gpt, clip, vqgan, data, config: config({ contrastive: 0.5, reconstruction: 0.25 }) });
    expect(stage.step(0)["contrastive"]).toBeGreaterThan(0);
    const after = [clip, vqgan].map((network) => bytesOf(network.stateDict()));
    expect(after[1]).toEqual(before[1]);
    const [clipBefore = {}, clipAfter = {}] = [before[0], after[0]];
    const changed = Object.keys(clipBefore).filter((name) => clipBefore[name] !== clipAfter[name]);
    expect(changed).toEqual(expect.arrayContaining(["text_projection.weight", "visual_projection.weight"]));
  });

  test("a batch may be larger than the set", () => {
    const { gpt } = networks();
    const small: EncodedSet = { ...data, count: 1, views: 2 };
    expect(gptStage({ gpt, data: small, config: config({}, { batchSize: 8 }) }).step(0)["loss"]).toBeGreaterThan(0);
  });

  test("all of it brings the loss down", () => {
    const { gpt, clip, vqgan } = networks();
    const wanted = config(
      { reconstruction: 1, embedding: 0.2 },
      { steps: 30, lr: 1e-2, batchSize: 6, conditionDrop: 0 },
    );
    const stage = gptStage({ gpt, clip, vqgan, data, config: wanted });
    const losses = Array.from({ length: 30 }, (_, step) => stage.step(step)["loss"] ?? Number.NaN);
    expect(losses.at(-1)).toBeLessThan(0.7 * (losses[0] ?? 0));
  });
});

describe("presets", () => {
  test.each(Object.entries(gptObjectives))("%s is a whole training's settings", (name, preset) => {
    const { objective } = gptTraining.parse(preset);
    const weights = {
      "cross-entropy": { crossEntropy: 1, reconstruction: 0, embedding: 0, contrastive: 0 },
      paper: { crossEntropy: 1, reconstruction: 0, embedding: 0.2, contrastive: 0 },
      weighted: { crossEntropy: 0.25, reconstruction: 0.25, embedding: 0, contrastive: 0.5 },
    };
    expect(weights).toHaveProperty(name);
    expect(objective).toMatchObject(Object.entries(weights).find(([known]) => known === name)?.[1] ?? {});
  });
});

describe("conditions", () => {
  const embedding = Tensor.from([1, 0, 0, 0, 0, 1, 0, 0], [2, 4]);

  test("noise keeps them unit vectors, at the angle that its length says on average", () => {
    tidy(() => {
      const many = normalize(
        Tensor.from(
          Array.from({ length: 4000 }, (_, i) => Math.sin(i)),
          [1000, 4],
        ),
      );
      const noisy = addNoise(many, 0.5);
      expect(noisy.vectorNorm(2, [-1]).sub(1).abs().amax().item()).toBeLessThan(1e-5);
      // cos = (1 + σ c) / √(1 + 2 σ c + σ²) for a noise at cosine c, whose mean is near 1 / √(1 + σ²).
      expect(noisy.mul(many).sum([-1]).mean().item()).toBeCloseTo(1 / Math.sqrt(1.25), 1);
      expect(addNoise(embedding, 0)).toBe(embedding);
    });
  });

  test("dropping leaves whole rows or zeros", () => {
    tidy(() => {
      const many = embedding.narrow(0, 0, 1).expand([1000, -1]);
      const left = dropConditions(many, 0.3).sum([-1]).toNumbers();
      expect(new Set(left)).toEqual(new Set([0, 1]));
      expect(left.filter((value) => value === 0).length).toBeGreaterThan(230);
      expect(left.filter((value) => value === 0).length).toBeLessThan(370);
      expect(dropConditions(embedding, 0)).toBe(embedding);
      expect(dropConditions(embedding, 1).abs().sum().item()).toBe(0);
    });
  });
});
