import { beforeAll, describe, expect, test } from "vitest";
import { settledTensors, tinyModel } from "../../test/tiny.ts";
import { memoryFigures, setThreadCount } from "../tensor/engine.ts";
import type { GeneratedPicture } from "./picture.ts";
import type { Drawable, JourneyOptions } from "./pipeline.ts";

beforeAll(() => setThreadCount(1));

const model = tinyModel();
const [a, b, c] = ["a red circle", "a blue square", "a green star"];
const stops: Drawable[] = [{ prompt: a }, { prompt: b }];

/** The same tokens; a convolution rounds otherwise in another batch, which may move a pixel's value by one. */
function expectSame(actual: GeneratedPicture | undefined, wanted: GeneratedPicture | undefined): void {
  expect(wanted).toBeDefined();
  expect(actual?.tokens).toEqual(wanted?.tokens);
  const differences = actual?.pixels.map((value, i) => Math.abs(value - (wanted?.pixels[i] ?? 0))) ?? [];
  expect(Math.max(...differences)).toBeLessThanOrEqual(1);
  expect(actual?.score).toBeCloseTo(wanted?.score ?? Number.NaN, 3);
}

describe("a journey", () => {
  test("ends in the pictures that its stops are drawn as with the same seed", async () => {
    const settings = { seed: 11, temperature: 0.9, topK: 12, guidanceScale: 1.5 };
    const frames = await model.journey(stops, { ...settings, frames: 5 });
    expect(frames).toHaveLength(5);
    for (const [frame, prompt] of [
      [frames[0], a],
      [frames[4], b],
    ] as const) {
      const [wanted] = await model.generate(prompt, settings);
      expectSame(frame, wanted);
      const batch = frame?.origin.batch;
      expect(frame?.origin).toEqual({ ...wanted?.origin, score: frame?.score, ...(batch && { batch }) });
    }
  });

  test("has frames that are blends, each of which its origin draws again", async () => {
    const frames = await model.journey(stops, { frames: 6, candidates: 3, seed: 2, batchSize: 7 });
    for (const frame of frames.slice(1, -1)) {
      const { prompt, blend = [], seed } = frame.origin;
      expect([prompt, blend.length]).toEqual([a, 1]);
      const [again] = await model.generate(prompt, { blend, seed });
      expectSame(frame, again);
    }
    expect(new Set(frames.map(({ tokens }) => String(tokens))).size).toBeGreaterThan(1);
  });

  test("stands at every stop, and halfway between two it is half of each", async () => {
    const three = [...stops, { prompt: c }];
    const frames = await model.journey(three, { frames: 6 });
    expect(frames.map(({ origin }) => origin.blend?.[0]?.weight === undefined && origin.prompt)).toEqual([
      a,
      false,
      false,
      b,
      false,
      c,
    ]);
    expect(frames[4]?.origin.blend?.[0]).toEqual({ prompt: c, weight: expect.closeTo(0.5, 5) });
    const few = await model.journey(three, { frames: 3 });
    expect(few.map(({ origin }) => origin.prompt)).toEqual([a, b, c]);
  });

  test("goes through pictures as well, as `vary` draws them", async () => {
    const [drawn] = await model.generate(c, { seed: 3 });
    const picture = (await drawn?.toPng()) ?? new Uint8Array();
    const frames = await model.journey([{ prompt: a }, { picture }], { frames: 3, seed: 4 });
    const [wanted] = await model.vary(picture, { seed: 4 });
    expectSame(frames[2], wanted);
    expect(frames[1]?.origin).toMatchObject({ prompt: a, blend: [{ picture: "picture" }] });
  });

  test("between equal stops does not move", async () => {
    const frames = await model.journey([{ prompt: a }, { prompt: a }], { frames: 4, seed: 5 });
    expect(new Set(frames.map(({ tokens }) => String(tokens))).size).toBe(1);
  });

  test("draws every frame once for each candidate, and takes one seed for each", async () => {
    const seen: number[] = [];
    const onProgress: JourneyOptions["onProgress"] = ({ of }) => seen.push(of);
    const frames = await model.journey(stops, { frames: 4, candidates: 5, seed: 20, onProgress });
    expect(new Set(seen)).toEqual(new Set([20]));
    for (const { seed } of frames) expect([20, 21, 22, 23, 24]).toContain(seed);
  });

  test("leaves no tensors behind", async () => {
    await model.journey(stops, { frames: 3 });
    const before = memoryFigures().tensors;
    await model.journey(stops, { frames: 4, candidates: 2 });
    await expect(model.journey(stops, { frames: 4, signal: AbortSignal.abort() })).rejects.toThrow();
    await expect(model.journey([...stops, { picture: "/nowhere.png" }])).rejects.toThrow("nowhere");
    expect(await settledTensors()).toBeLessThanOrEqual(before);
  });

  const wrong: [JourneyOptions, string][] = [
    [{ frames: 1 }, "frames is 1, expected a whole number of at least 2, one for each stop"],
    [{ frames: 2.5 }, "frames is 2.5"],
    [{ candidates: 0 }, "candidates is 0, expected a whole number from 1"],
    [{ seed: 0.5 }, "seed is 0.5, expected a whole number"],
    [{ topP: 2 }, "topP is 2"],
    [{ signal: AbortSignal.abort(new Error("enough")) }, "enough"],
  ];
  test.each(wrong)("%j ends with a clear error", async (options, message) => {
    await expect(model.journey(stops, options)).rejects.toThrow(message);
  });

  test("needs two stops", async () => {
    await expect(model.journey(stops.slice(1))).rejects.toThrow("a journey needs at least two stops, got 1");
  });
});
