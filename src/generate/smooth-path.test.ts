import { expect, test } from "vitest";
import { Random } from "../random.ts";
import { GeneratedPicture } from "./picture.ts";
import { shortestPath, smoothPath } from "./smooth-path.ts";

function drawn(grey: number, { seed, score }: { seed: number; score: number }, size = 4): GeneratedPicture {
  const origin = { prompt: "", seed, score, guidanceScale: 1, model: "none" };
  return new GeneratedPicture({ pixels: new Uint8Array(size * size * 3).fill(grey), size, origin, tokens: [] });
}

function journey(greys: number[], seed: number, score: number): GeneratedPicture[] {
  return greys.map((grey) => drawn(grey, { seed, score }));
}

test("the shortest path is the least of all paths", () => {
  const random = new Random("paths");
  const [frames, count] = [5, 3];
  for (let round = 0; round < 20; round += 1) {
    const row = (): number[] => Array.from({ length: count }, () => random.normal());
    const costs = Array.from({ length: frames }, row);
    const steps = Array.from({ length: frames - 1 }, () => Array.from({ length: count }, row));
    const costOf = (path: readonly number[]): number =>
      path.reduce((sum, to, frame) => {
        const step = frame === 0 ? 0 : (steps[frame - 1]?.[path[frame - 1] ?? -1]?.[to] ?? Number.NaN);
        return sum + (costs[frame]?.[to] ?? Number.NaN) + step;
      }, 0);
    const all = Array.from({ length: count ** frames }, (_, i) =>
      Array.from({ length: frames }, (_unused, frame) => Math.floor(i / count ** frame) % count),
    );
    const path = shortestPath(costs, steps);
    expect(path).toHaveLength(frames);
    expect(costOf(path)).toBeCloseTo(Math.min(...all.map(costOf)), 10);
  }
});

test("takes the smooth journey of two that score alike, and the better one of two that are as smooth", () => {
  const jumping = journey([0, 255, 0, 255], 1, 0.31);
  const smooth = journey([120, 130, 140, 150], 2, 0.3);
  expect(smoothPath([jumping, smooth]).map(({ seed }) => seed)).toEqual([2, 2, 2, 2]);
  const better = journey([120, 130, 140, 150], 3, 0.4);
  expect(smoothPath([smooth, better]).map(({ seed }) => seed)).toEqual([3, 3, 3, 3]);
});

test("leaves a seed where another one has a picture that is more alike", () => {
  const greys = [
    [100, 102, 20, 30],
    [240, 230, 104, 106],
  ];
  const candidates = greys.map((own, seed) => own.map((grey) => drawn(grey, { seed, score: 0.5 }, 70)));
  expect(smoothPath(candidates).map(({ seed }) => seed)).toEqual([0, 0, 1, 1]);
});

test("one candidate is the journey, whatever it is like; so are candidates that are all the same", () => {
  const only = journey([5, 250, 9], 7, 0);
  expect(smoothPath([only])).toEqual(only);
  expect(smoothPath([only, only])).toEqual(only);
});
