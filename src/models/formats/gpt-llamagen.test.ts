import { beforeAll, describe, expect, test } from "vitest";
import { hashWeights } from "../../../test/hash-weights.ts";
import { weightOf, type Weights } from "../../io/weight.ts";
import { shapesOnly } from "../../nn/init.ts";
import { noGrad } from "../../tensor/autograd.ts";
import { setThreadCount } from "../../tensor/engine.ts";
import { tidy } from "../../tensor/scope.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { Gpt } from "../gpt.ts";
import { readAs } from "./format.ts";
import { gptFormats } from "./gpt.ts";

// Weights from a hash of their names, and what FoundationVision/LlamaGen's `Transformer` computes with them (float32,
// PyTorch 2.13): the last position's first six logits, and the sum of all absolute values.

beforeAll(() => setThreadCount(1));

const block = { wqkv: [48, 16], wo: [16, 16], w1: [48, 16], w3: [48, 16], w2: [16, 48] };

function layer(i: number): Record<string, number[]> {
  return {
    [`layers.${i}.attention.wqkv.weight`]: block.wqkv,
    [`layers.${i}.attention.wo.weight`]: block.wo,
    [`layers.${i}.feed_forward.w1.weight`]: block.w1,
    [`layers.${i}.feed_forward.w3.weight`]: block.w3,
    [`layers.${i}.feed_forward.w2.weight`]: block.w2,
    [`layers.${i}.attention_norm.weight`]: [16],
    [`layers.${i}.ffn_norm.weight`]: [16],
  };
}

const common = { "tok_embeddings.weight": [12, 16], "norm.weight": [16], "output.weight": [12, 16] };
const ofClasses = { "cls_embedding.embedding_table.weight": [4, 16], ...common, ...layer(0), ...layer(1) };
const ofCaptions = {
  "cls_embedding.uncond_embedding": [3, 6],
  "cls_embedding.cap_proj.fc1.weight": [16, 6],
  "cls_embedding.cap_proj.fc2.weight": [16, 16],
  ...common,
  ...layer(0),
};

function hashed(name: string, shape: readonly number[]): Tensor {
  return hashWeights(name, { seed: 7, shape, scale: 0.5, offset: name.includes("norm") ? 1 : 0 });
}

function load(shapes: Record<string, number[]>): Gpt {
  const weights: Weights = new Map(
    Object.entries(shapes).map(([name, shape]) => {
      const data = tidy(() => hashed(name, shape).toBytes());
      return [name, weightOf({ dtype: "float32", shape, data })];
    }),
  );
  const found = readAs(gptFormats, weights, { path: "here", kind: "GPT", hints: { heads: 2, tokenCount: 16 } });
  const gpt = shapesOnly(() => new Gpt(found.config));
  gpt.loadWeights(found.weights);
  return gpt.eval();
}

const tokens = (): Tensor => Tensor.from([1, 5, 9, 2, 0, 7, 11, 3, 4, 8, 6, 10, 1, 2, 3], [1, 15], "int64");

function expectLogits(logits: Tensor, expected: { last: number[]; sum: number }): void {
  const last = logits.select(1, -1).narrow(1, 0, 6).toNumbers();
  for (const [i, value] of expected.last.entries()) expect(last[i]).toBeCloseTo(value, 5);
  expect(logits.to("float64").abs().sum().item()).toBeCloseTo(expected.sum, 3);
}

describe("LlamaGen's GPT", () => {
  test("of classes: a class is a one-hot vector, and the last one means none", () => {
    const gpt = load(ofClasses);
    noGrad(() =>
      tidy(() => {
        const condition = Tensor.from([0, 0, 1, 0], [1, 4]);
        const expected = { last: [-0.81189, -0.595573, 0.156274, 0.49397, -0.156879, -1.87943], sum: 158.72444 };
        expectLogits(gpt.forward(tokens(), condition), expected);
        expect(gpt.freeCondition(condition).toNumbers()).toEqual([0, 0, 0, 1]);
      }),
    );
  });

  test("of captions: a condition is a sequence of vectors", () => {
    const gpt = load(ofCaptions);
    noGrad(() =>
      tidy(() => {
        const caption = hashWeights("caption", { seed: 7, shape: [1, 3, 6], scale: 1, offset: 0 });
        const expected = { last: [-0.499503, -1.150119, 0.270434, 1.302776, 0.519718, -1.12574], sum: 164.75687 };
        expectLogits(gpt.forward(tokens(), caption), expected);
        const learned = tidy(() => hashed("cls_embedding.uncond_embedding", [3, 6]).toNumbers());
        expect(gpt.freeCondition(caption).toNumbers()).toEqual(learned);
      }),
    );
  });

  test("with a cache it draws what it draws without", async () => {
    const gpt = load(ofClasses);
    const condition = Tensor.from([1, 0, 0, 0, 0, 1, 0, 0], [2, 4]);
    for (const guidanceScale of [1, 3]) {
      const drawn = await gpt.sample(condition, { temperature: 0, guidanceScale });
      noGrad(() =>
        tidy(() => {
          const before = drawn.narrow(1, 0, 15);
          const given = gpt.forward(before, condition);
          const free = gpt.forward(before, gpt.freeCondition(condition));
          expect(free.lerp(given, guidanceScale).argmax(-1).toNumbers()).toEqual(drawn.toNumbers());
        }),
      );
    }
  });
});
