import { beforeAll, describe, expect, test } from "vitest";
import { settledTensors, tinyClip, tinyModel, tinyPictures } from "../../test/tiny.ts";
import { streamOf, type PictureSet } from "../data/pictures.ts";
import { memoryFigures, setThreadCount } from "../tensor/engine.ts";
import { randn } from "../tensor/functions.generated.ts";
import { manualSeed } from "../tensor/random.ts";
import { keep, tidy } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { gaussianBlur } from "./blur.ts";
import { findCopies } from "./copies.ts";
import { evaluate, type Evaluation } from "./evaluate.ts";
import type { Figure } from "./figure.ts";

// Networks this small lose more time to waiting for other threads than they gain.
beforeAll(() => setThreadCount(1));

const model = tinyModel();
const pictures = tinyPictures(12);

function all({ figures }: Evaluation): Map<string, Figure> {
  const list = [...figures.reconstruction, ...figures.drawings, ...figures.copies];
  expect(new Set(list.map(({ name }) => name)).size).toBe(list.length);
  return new Map(list.map((figure) => [figure.name, figure]));
}

function value(figure: Figure | undefined): number {
  return figure && "value" in figure ? figure.value : Number.NaN;
}

function leftOut(figure: Figure | undefined): string {
  return figure && "leftOut" in figure ? figure.leftOut : "";
}

/** Some of the pictures. */
function firstOf({ images, size, names, captions, skipped }: PictureSet, count: number): PictureSet {
  const bytes = count * size * size * 3;
  return {
    images: images.slice(0, bytes),
    size,
    count,
    names: names.slice(0, count),
    ...(captions && { captions: captions.slice(0, count) }),
    skipped,
  };
}

describe("evaluating a model", () => {
  test("measures what can be measured, and says why of the rest", async () => {
    const before = await settledTensors();
    const training = streamOf(firstOf(pictures, 6));
    const evaluation = await evaluate(model, { pictures, training, draw: { candidates: 2, seed: 3 } });
    const figures = all(evaluation);
    for (const name of ["clip_fd", "clip_fd_blur_1", "clip_fd_blur_8", "clip_kd", "reconstruction_clip_fd"]) {
      expect(figures.get(name), name).toHaveProperty("value");
    }
    expect(figures.has("fid")).toBe(false);
    expect(leftOut(figures.get("inception_score"))).toMatch(/--inception/);
    expect(leftOut(figures.get("reconstruction_lpips"))).toMatch(/--lpips/);
    const scores = evaluation.drawings.map(({ clipScore }) => clipScore ?? Number.NaN);
    expect(value(figures.get("clip_score"))).toBeCloseTo(scores.reduce((a, b) => a + b) / 12, 10);
    // The model's own CLIP gave the drawings' scores, too, before they were rounded to 8 bits.
    for (const { score, clipScore } of evaluation.drawings) expect(clipScore).toBeCloseTo(2.5 * Math.max(0, score), 1);
    expect(evaluation.blur[0]?.points.map(({ radius }) => radius)).toEqual([0, 1, 2, 4, 8]);
    expect(evaluation.heldOut).toHaveLength(6);
    expect(evaluation.drawings.every(({ nearest }) => training.count === 6 && nearest !== undefined)).toBe(true);
    expect(memoryFigures().tensors).toBe(before);
  });

  test("a judge that was trained apart decides in place of the model's CLIP", async () => {
    using judge = tinyClip(77);
    const [own, apart] = [await evaluate(model, { pictures }), await evaluate(model, { pictures, judge })];
    expect(apart.drawings.map(({ tokens }) => tokens)).toEqual(own.drawings.map(({ tokens }) => tokens));
    for (const name of ["clip_fd", "clip_score"]) {
      expect(value(all(apart).get(name)), name).not.toBeCloseTo(value(all(own).get(name)), 6);
    }
    expect(value(all(apart).get("reconstruction_psnr"))).toBe(value(all(own).get("reconstruction_psnr")));
  });

  test("draws from sentences of their own, and from pictures", async () => {
    const prompts = ["a red circle", "a blue star", "a ring", "a square", "a cross"];
    const words = all(await evaluate(model, { pictures, from: { prompts } }));
    expect(leftOut(words.get("clip_score_of_pictures"))).toMatch(/do not belong/);
    expect(words.get("r_precision")).toHaveProperty("value");
    const { captions: _, ...bare } = pictures;
    const seen = await evaluate(model, { pictures: bare, from: "pictures" });
    expect(leftOut(all(seen).get("clip_score"))).toMatch(/from pictures/);
    expect(seen.drawings[0]?.prompt).toBe(pictures.names[0]);
    expect(Math.abs(value(all(seen).get("source_similarity")))).toBeLessThanOrEqual(1);
    expect(value(all(seen).get("source_precision"))).toBeGreaterThanOrEqual(0);
    expect(words.has("source_similarity")).toBe(false);
    await expect(evaluate(model, { pictures: bare })).rejects.toThrow(/no captions/);
  });

  test("few pictures leave figures out", async () => {
    const one = all(await evaluate(model, { pictures: firstOf(pictures, 1) }));
    expect(leftOut(one.get("clip_fd"))).toBe("it needs 2 pictures, there is 1");
    expect(leftOut(one.get("r_precision"))).toBe("it needs 2 drawings, there is 1");
    const three = all(await evaluate(model, { pictures: firstOf(pictures, 3) }));
    expect(three.get("clip_fd")).toHaveProperty("value");
    expect(leftOut(three.get("clip_recall"))).toBe("it needs 4 pictures, there are 3");
  });

  test("stops when it is told to", async () => {
    const controller = new AbortController();
    const stopped = evaluate(model, {
      pictures,
      signal: controller.signal,
      onProgress: (what) => {
        if (what.includes("drawings, blurred")) controller.abort(new Error("enough"));
      },
    });
    await expect(stopped).rejects.toThrow("enough");
  });
});

test("copies are closer to the training than what it never saw", () => {
  tidy(() => {
    manualSeed(5);
    const training = randn([40, 32]);
    const names = Array.from({ length: 40 }, (_, i) => `${i}.png`);
    const drawings = training.indexSelect(0, Tensor.from([3, 9, 31], [3], "int64")).mul(2);
    const found = findCopies({ drawings, training: { features: training, names }, heldOut: randn([20, 32]) });
    expect(found.drawings.map(({ file }) => file)).toEqual(["3.png", "9.png", "31.png"]);
    const figures = new Map(found.figures.map((figure) => [figure.name, figure]));
    expect(value(figures.get("nearest_training_median"))).toBeCloseTo(1, 6);
    expect(value(figures.get("nearest_training_of_held_out_max"))).toBeLessThan(0.9);
    const known = findCopies({ drawings, training: { features: training, names }, heldOut: undefined });
    expect(leftOut(known.figures.at(-1))).toBe("all of the pictures are among the training's");
  });
});

describe("the blur of FID-k", () => {
  test("has the variance of a box of its width, and keeps what is even", () => {
    tidy(() => {
      const spot = new Float32Array(31 * 31);
      spot[15 * 31 + 15] = 1;
      const blurred = gaussianBlur(Tensor.from(spot, [1, 1, 31, 31]), 2).toNumbers();
      const rows = Array.from({ length: 31 }, (_, y) => blurred.slice(y * 31, y * 31 + 31).reduce((a, b) => a + b));
      // torchvision's GaussianBlur(5, sigma=sqrt(2)): 5 taps e^(−x²/4)
      const taps = [-2, -1, 0, 1, 2].map((x) => Math.exp(-(x ** 2) / 4));
      const total = taps.reduce((a, b) => a + b);
      for (const [i, tap] of taps.entries()) expect(rows[13 + i]).toBeCloseTo(tap / total, 6);
      expect(rows[12]).toBe(0);
      const even = gaussianBlur(keep(Tensor.from(new Float32Array(3 * 9 * 12).fill(0.25), [1, 3, 9, 12])), 8);
      for (const pixel of even.toNumbers()) expect(pixel).toBeCloseTo(0.25, 6);
    });
  });

  test("mirrors at the border", () => {
    tidy(() => {
      const ramp = Tensor.from([0, 1, 2, 3], [1, 1, 4, 1]).expand([1, 1, 4, 4]).contiguous();
      const taps = [-1, 0, 1].map((x) => Math.exp(-(x ** 2) / (2 * (8 / 12))));
      const side = (taps[0] ?? 0) / taps.reduce((a, b) => a + b);
      // The first row has the second on both of its sides.
      expect(gaussianBlur(ramp, 1).toNumbers()[0]).toBeCloseTo(2 * side, 6);
      expect(() => gaussianBlur(ramp, 4)).toThrow(/4×4 cannot be blurred with a radius of 4/);
    });
  });
});
