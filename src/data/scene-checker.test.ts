import { describe, expect, test } from "vitest";
import { blurred, noisy } from "../../test/degrade.ts";
import { Random } from "../random.ts";
import { checkScene } from "./scene-checker.ts";
import { drawScene } from "./scene-drawing.ts";
import { type Scene, sceneAt } from "./scenes.ts";

const pixels = 32;

/** Share of the scenes whose colour and shape are both named rightly. */
function accuracy(
  count: number,
  degrade: (picture: Uint8Array, random: Random) => Uint8ClampedArray | Uint8Array,
): number {
  let right = 0;
  for (let index = 0; index < count; index++) {
    const scene = sceneAt(31, index);
    const reading = checkScene(degrade(drawScene(scene, pixels), new Random(32, index)), pixels);
    if (reading.color === scene.color && reading.shape === scene.shape) right++;
  }
  return right / count;
}

describe("checkScene on true scenes", () => {
  test("names colour and shape of at least 99 % of 2,000 scenes at 32×32", () => {
    expect(accuracy(2000, (picture) => picture)).toBeGreaterThanOrEqual(0.99);
  });

  test("names at least 95 % after a blur of 0.7 pixels and noise of 8 levels", () => {
    expect(accuracy(800, (picture, random) => noisy(blurred(picture, pixels, 0.7), 8, random))).toBeGreaterThanOrEqual(
      0.95,
    );
  });

  test("is sure of clean scenes", () => {
    const sure = Array.from({ length: 200 }, (_, index) => checkScene(drawScene(sceneAt(8, index), pixels), pixels));
    expect(Math.min(...sure.map(({ confidence }) => confidence))).toBeGreaterThan(0.5);
  });
});

describe("checkScene on what is no scene", () => {
  const unnamed = { color: null, shape: null, confidence: 0 };

  test("names nothing in blank pictures, with and without noise", () => {
    const random = new Random(1);
    for (const level of [0, 16, 128, 250]) {
      const blank = new Uint8Array(pixels * pixels * 3).fill(level);
      expect(checkScene(blank, pixels)).toEqual(unnamed);
      expect(checkScene(noisy(blank, 8, random), pixels)).toEqual(unnamed);
    }
  });

  test("names nothing in noise", () => {
    const random = new Random(2);
    for (let index = 0; index < 100; index++) {
      const noise = Uint8Array.from({ length: pixels * pixels * 3 }, () => random.int(256));
      expect(checkScene(noise, pixels)).toEqual(unnamed);
    }
  });

  test("is not sure of smooth noise, of scattered boxes or of two shapes at once", () => {
    const random = new Random(3);
    for (let index = 0; index < 100; index++) {
      const noise = Uint8Array.from({ length: pixels * pixels * 3 }, () => random.int(256));
      expect(checkScene(noisy(blurred(noise, pixels, 2), 0, random), pixels).confidence).toBeLessThan(0.3);
      expect(checkScene(boxes(random), pixels).confidence).toBeLessThan(0.5);
      expect(checkScene(twoShapes(index), pixels).confidence).toBeLessThan(0.5);
    }
  });

  test("is not sure of a grey shape, which has none of the colours", () => {
    const scene: Scene = { ...sceneAt(1, 1), colorValue: [120, 120, 120], backgroundValue: [250, 250, 250] };
    expect(checkScene(drawScene(scene, pixels), pixels).confidence).toBeLessThan(0.6);
  });

  test("rejects bytes that are no such picture", () => {
    expect(() => checkScene(new Uint8Array(100), pixels)).toThrow("needs 3072 bytes, got 100");
  });
});

function boxes(random: Random): Uint8Array {
  const picture = new Uint8Array(pixels * pixels * 3).fill(250);
  for (let box = 0; box < 4; box++) {
    const color = [random.int(256), random.int(256), random.int(256)];
    const [left, top] = [1 + random.int(24), 1 + random.int(24)];
    const [right, bottom] = [left + 2 + random.int(6), top + 2 + random.int(6)];
    for (let row = top; row < bottom; row++) {
      for (let column = left; column < right; column++) picture.set(color, (row * pixels + column) * 3);
    }
  }
  return picture;
}

function twoShapes(index: number): Uint8Array {
  const first = { ...sceneAt(4, index), radius: 0.22, center: [0.25, 0.25] as const };
  const second = { ...sceneAt(5, index), radius: 0.22, center: [0.75, 0.75] as const };
  const picture = drawScene(first, pixels);
  const lower = drawScene({ ...second, backgroundValue: first.backgroundValue }, pixels);
  picture.set(lower.subarray(lower.length / 2), lower.length / 2);
  return picture;
}
