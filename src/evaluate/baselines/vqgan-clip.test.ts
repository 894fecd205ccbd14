import { beforeAll, describe, expect, test } from "vitest";
import { gradientError } from "../../../test/finite-difference.ts";
import { bytesOf, settledTensors, tinyClip, tinyConditions, tinyVqgan } from "../../../test/tiny.ts";
import { toPixels } from "../../data/batches.ts";
import type { Clip } from "../../models/clip.ts";
import { clipInput } from "../../models/clip-images.ts";
import { normalize } from "../../nn/functional.ts";
import { noGrad } from "../../tensor/autograd.ts";
import { memoryFigures, setThreadCount } from "../../tensor/engine.ts";
import { randn } from "../../tensor/functions.generated.ts";
import { manualSeed } from "../../tensor/random.ts";
import { tidy } from "../../tensor/scope.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { optimizeCodes, sphericalDistance, type OptimizedPicture, type OptimizeOptions } from "./vqgan-clip.ts";

// Networks this small lose more time to waiting for other threads than they gain.
beforeAll(() => setThreadCount(1));

/** As it starts, a CLIP with random weights hardly tells one picture from another: larger weights do. */
function keenClip(): Clip {
  const clip = tinyClip();
  tidy(() => {
    const grown = Array.from(clip.stateDict(), ([name, tensor]): [string, Tensor] => [
      name,
      name.includes("norm") ? tensor : tensor.detach().mul(3),
    ]);
    clip.loadStateDict(new Map(grown));
  });
  return clip.eval();
}

const networks = { clip: keenClip(), vqgan: tinyVqgan().eval() };
const conditions = tinyConditions(2);
const few = { steps: 4, cutouts: 4 };

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const withoutTime = (pictures: readonly OptimizedPicture[]): Omit<OptimizedPicture, "seconds">[] =>
  pictures.map(({ pixels, size, tokens, seed, score, history }) => ({ pixels, size, tokens, seed, score, history }));

/** Between what becomes unit vectors. */
function ofAnyLength([a, b]: readonly Tensor[]): Tensor[] {
  return a && b ? [sphericalDistance(normalize(a), normalize(b))] : [];
}

describe("the spherical distance", () => {
  test("is half of the squared angle", () => {
    tidy(() => {
      const angles = [0.001, 0.5, Math.PI / 2, 3];
      const turned = angles.flatMap((angle) => [Math.cos(angle), Math.sin(angle)]);
      const distances = sphericalDistance(
        Tensor.from(Float64Array.from(turned), [4, 2]),
        Tensor.from(Float64Array.from([1, 0]), [1, 2]),
      );
      for (const [i, found] of distances.toNumbers().entries()) expect(found).toBeCloseTo((angles[i] ?? 0) ** 2 / 2, 9);
      const opposite = sphericalDistance(Tensor.from([1, 0], [1, 2]), Tensor.from([-1, 0], [1, 2]));
      expect(opposite.item()).toBeCloseTo(Math.PI ** 2 / 2, 2);
    });
  });

  test("has the gradient that finite differences give", () => {
    tidy(() => {
      manualSeed(1);
      const inputs = [randn([5, 6], { dtype: "float64" }), randn([5, 6], { dtype: "float64" })];
      expect(gradientError({ inputs, run: ofAnyLength })).toBeLessThan(1e-6);
    });
  });
});

describe("optimising codes", () => {
  test("lowers the loss and raises CLIP's score", async () => {
    const prompts = tinyConditions(8);
    const progress: number[] = [];
    const onProgress: OptimizeOptions["onProgress"] = ({ step, steps, score }) => {
      expect(steps).toBe(40);
      expect(step).toBe(progress.push(score));
    };
    const pictures = await optimizeCodes(networks, prompts, { steps: 40, cutouts: 8, onProgress });
    expect(progress).toHaveLength(40);
    const at = (step: number, of: "loss" | "score"): number =>
      mean(pictures.map(({ history }) => history.at(step)?.[of] ?? Number.NaN));
    const lossOf = (steps: readonly number[]): number => mean(steps.map((step) => at(step, "loss")));
    expect(lossOf([-1, -2, -3, -4, -5, -6])).toBeLessThan(0.96 * lossOf([0, 1, 2, 3, 4, 5]));
    expect(mean(pictures.map(({ score }) => score))).toBeGreaterThan(at(0, "score") + 0.05);
    expect(progress[0]).toBeCloseTo(at(0, "score"), 6);
    for (const [row, picture] of pictures.entries()) {
      expect(picture.seconds).toBeGreaterThan(0);
      const { pixels, size, tokens } = picture;
      const [seen, decoded] = noGrad(() =>
        tidy(() => {
          const words = prompts.narrow(0, row, 1);
          const { clip, vqgan } = networks;
          const cosine = (images: Tensor): number =>
            normalize(clip.encodeImage(clipInput(images, clip.config)))
              .mul(words)
              .sum()
              .item();
          const indices = Tensor.from(tokens, [1, 4, 4], "int64");
          return [cosine(toPixels(pixels, { count: 1, size })), cosine(vqgan.decode(indices))];
        }),
      );
      expect(seen).toBeCloseTo(picture.score, 1);
      expect(decoded).toBeCloseTo(picture.score, 4);
    }
  });

  test("gives the same for the same seed, at first also in another batch", async () => {
    const both = withoutTime(await optimizeCodes(networks, conditions, { ...few, seed: 7 }));
    expect(withoutTime(await optimizeCodes(networks, conditions, { ...few, seed: 7 }))).toEqual(both);
    using second = tidy(() => conditions.narrow(0, 1, 1).contiguous());
    const [alone] = await optimizeCodes(networks, second, { ...few, seed: 8 });
    expect(alone?.tokens).toEqual(both[1]?.tokens);
    expect(alone?.seed).toBe(8);
    const [other] = await optimizeCodes(networks, second, { ...few, seed: 9 });
    expect(other?.tokens).not.toEqual(alone?.tokens);
  });

  test("leaves the networks as they are, without gradients, and keeps no tensors", async () => {
    const all = [networks.clip, networks.vqgan];
    const weights = all.map((network) => bytesOf(network.stateDict()));
    const before = await settledTensors();
    await optimizeCodes(networks, conditions, few);
    expect(memoryFigures().tensors).toBe(before);
    expect(all.map((network) => bytesOf(network.stateDict()))).toEqual(weights);
    const parameters = all.flatMap((network) => network.parameters());
    expect(parameters.every(({ grad, requiresGrad }) => grad === undefined && requiresGrad)).toBe(true);
  });

  test("works with codes of any length, and with a Gumbel quantizer", async () => {
    for (const changes of [{ normalizeCodebook: false }, { quantizer: "gumbel" }] as const) {
      const vqgan = tinyVqgan(changes).eval();
      const [picture] = await optimizeCodes({ ...networks, vqgan }, conditions, few);
      expect(picture?.tokens).toHaveLength(16);
      const still = await optimizeCodes({ ...networks, vqgan }, conditions, { ...few, lr: 1e-12 });
      expect(still[0]?.tokens).not.toEqual(picture?.tokens);
      // Nothing moves, so the picture stays what the codes at the start are: their own nearest codes.
      expect(still[0]?.score).toBeCloseTo(still[0]?.history[0]?.score ?? Number.NaN, 5);
    }
  });

  test("ends with the signal's reason", async () => {
    const before = await settledTensors();
    const controller = new AbortController();
    let done = 0;
    const onProgress = ({ step }: { step: number }): void => {
      done = step;
      if (step === 3) controller.abort(new Error("enough"));
    };
    const { signal } = controller;
    const run = optimizeCodes(networks, conditions, { steps: 1000, cutouts: 2, onProgress, signal });
    await expect(run).rejects.toThrow("enough");
    expect(done).toBe(3);
    expect(memoryFigures().tensors).toBe(before);
  });

  const wrong: [OptimizeOptions, string][] = [
    [{ steps: 0 }, "steps is 0, expected a whole number from 1"],
    [{ cutouts: 2.5 }, "cutouts is 2.5, expected a whole number from 1"],
    [{ lr: 0 }, "lr is 0, expected a number above 0"],
    [{ seed: 0.5 }, "seed is 0.5, expected a whole number"],
  ];
  test.each(wrong)("refuses %j", async (options, message) => {
    await expect(optimizeCodes(networks, conditions, options)).rejects.toThrow(message);
  });
});
