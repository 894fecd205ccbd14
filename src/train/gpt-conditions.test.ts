import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { temporaryFolder, tinyClip, tinyEncoded, tinyGpt } from "../../test/tiny.ts";
import { gptTraining } from "../config.ts";
import { embedTexts, textTargets } from "../generate/embed.ts";
import { Gpt } from "../models/gpt.ts";
import { cat, zeros } from "../tensor/functions.generated.ts";
import { manualSeed } from "../tensor/random.ts";
import { tidy } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { meanShift, Neighbourhood, someEmbeddings } from "./gpt-conditions.ts";
import { gptStage } from "./gpt.ts";

const data = await tinyEncoded();
const folder = temporaryFolder();
const settings = { batchSize: 5, warmup: 0, precision: "float32", embeddingNoise: 0, conditionDrop: 0, lr: 5e-3 };

describe("captions as conditions", () => {
  test("teach the GPT what their own embeddings ask for", () => {
    const config = gptTraining.parse({ ...settings, steps: 60, condition: "caption" });
    const stage = gptStage({ gpt: tinyGpt(), data, config, clip: tinyClip() });
    const losses = Array.from({ length: 60 }, (_, step) => stage.step(step)["cross_entropy"] ?? Number.NaN);
    expect(losses.at(-1)).toBeLessThan((losses[0] ?? 0) - 0.5);
  });

  test("need a CLIP and captions", () => {
    const config = gptTraining.parse({ ...settings, condition: "caption" });
    expect(() => gptStage({ gpt: tinyGpt(), data, config })).toThrow("need a CLIP, and pictures");
  });
});

describe("neighbours", () => {
  // Three directions, each in two pictures that hardly differ.
  const embeddings = new Float32Array([1, 0, 0, 0.99, 0.14, 0, 0, 1, 0, 0, 0.99, 0.14, 0, 0, 1, 0.14, 0, 0.99]);
  const set = { ...data, embeddings, embedDim: 3 };

  test("give unit vectors amid a picture and those that are closest to it", () => {
    tidy(() => {
      manualSeed(1, "cpu");
      const neighbourhood = new Neighbourhood(set, { most: 2, device: "cpu" });
      const own = Tensor.from(embeddings.slice(0, 3), [1, 3]).expand([200, -1]);
      const around = neighbourhood.around(own);
      const cosines = around.mul(own).sum([1]).toNumbers();
      expect(Math.max(...cosines)).toBeCloseTo(1, 5);
      expect(Math.min(...cosines)).toBeGreaterThan(0.99); // the third nearest would take it further
      expect(Math.min(...cosines)).toBeLessThan(0.9995);
      for (const length of around.mul(around).sum([1]).toNumbers()) expect(length).toBeCloseTo(1, 5);
    });
  });

  test("may be asked for in greater numbers than there are", () => {
    tidy(() => {
      const neighbourhood = new Neighbourhood(set, { most: 100, device: "cpu" });
      expect(neighbourhood.around(Tensor.from(embeddings, [6, 3])).shape).toEqual([6, 3]);
    });
  });
});

describe("the mean shift", () => {
  const sentences = ["a cat", "a dog in the rain", "nothing at all"];

  test("brings the mean of sentences to that of pictures, and stays with the GPT", async () => {
    const [gpt, clip] = [tinyGpt({ textShift: true }), tinyClip()];
    using embedded = embedTexts(clip, sentences);
    using pictures = Tensor.from(data.embeddings, [data.embeddings.length / data.embedDim, data.embedDim]);
    gpt.textShift = meanShift(data, embedded);
    const apart = tidy(() =>
      embedded
        .add(gpt.textShift ?? embedded)
        .mean([0])
        .sub(pictures.mean([0]))
        .abs()
        .amax([0])
        .item(),
    );
    expect(apart).toBeLessThan(1e-6);

    await gpt.savePretrained(join(folder, "shift"));
    const again = await Gpt.fromPretrained(join(folder, "shift"));
    expect(again.textShift?.toNumbers()).toEqual(gpt.textShift.toNumbers());
    using targets = textTargets({ clip, gpt: again }, sentences);
    const { embedding, condition: conditions } = targets;
    expect(embedding.toNumbers()).toEqual(embedded.toNumbers());
    const lengths = tidy(() => conditions.mul(conditions).sum([1]).toNumbers());
    for (const length of lengths) expect(length).toBeCloseTo(1, 5);
    expect(conditions.toNumbers()).not.toEqual(embedded.toNumbers());
  });

  test("needs a CLIP with embeddings like the pictures'", () => {
    using other = zeros([2, data.embedDim + 1]);
    expect(() => meanShift(data, other)).toThrow("numbers, the pictures'");
  });
});

describe("a memory", () => {
  test("brings sentences to the pictures that they are closest to", async () => {
    const memory = someEmbeddings(
      { ...data, embeddings: new Float32Array([1, 0, 0, 0, 1, 0, 0, 0, 1]), embedDim: 3 },
      9,
    );
    const gpt = tinyGpt({ memorySize: 3, conditionDim: 3 });
    gpt.memory = memory;
    await gpt.savePretrained(join(folder, "memory"), { dtype: "bfloat16" });
    const again = await Gpt.fromPretrained(join(folder, "memory"));
    tidy(() => {
      const [near, between] = [Tensor.from([0.8, 0.6, 0], [1, 3]), Tensor.from([0, 0.5 ** 0.5, 0.5 ** 0.5], [1, 3])];
      for (const [i, value] of again.conditionOfText(near).toNumbers().entries()) {
        expect(value).toBeCloseTo(i === 0 ? 1 : 0, 5);
      }
      // One picture, or two at right angles.
      const agreements = again.agreement(cat([near, between])).toNumbers();
      expect(agreements[0]).toBeCloseTo(1, 4);
      expect(agreements[1]).toBeCloseTo(0.5 ** 0.5, 5);
      for (const [i, value] of again.conditionOfText(between).toNumbers().entries()) {
        expect(value).toBeCloseTo(i === 0 ? 0 : 0.5 ** 0.5, 5);
      }
    });
  });
});
