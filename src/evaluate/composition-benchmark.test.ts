import { expect, test } from "vitest";
import { tinyClip, tinyGpt } from "../../test/tiny.ts";
import { drawComposition } from "../data/composition-drawing.ts";
import { benchmarkCompositions, benchmarkSentences } from "./composition-benchmark.ts";
import type { Drawer } from "./drawers.ts";
import { clipFeatures } from "./features.ts";

const size = 64;
const networks = { clip: tinyClip(), gpt: tinyGpt() };

/** What the sentences tell of, drawn by whom it should be; `turned` gives each sentence another's scene. */
function scenes(each: number, turned = 0): Drawer {
  const sentences = benchmarkSentences(each);
  return () =>
    Promise.resolve(
      sentences.map((_, i) => {
        const { composition } = sentences[(i + turned) % sentences.length] ?? { composition: undefined };
        const pixels = composition ? drawComposition(composition, size) : new Uint8Array();
        return { pixels, size, tokens: [], seed: 0, score: 0 };
      }),
    );
}

test("what the sentences tell of is all right, and is as a whole what it is compared with", async () => {
  const clip = clipFeatures(networks.clip);
  const { scores, likeness, secondsPerPicture } = await benchmarkCompositions(networks, {
    drawers: [scenes(3)],
    each: 3,
    likeness: [clip],
  });
  for (const { value } of scores) expect(value).toBe(1);
  const figures = new Map(likeness.map((shown) => [shown.name, "value" in shown ? shown.value : undefined]));
  expect(figures.get("clip_fd")).toBeCloseTo(0, 6);
  expect(figures.get("clip_precision")).toBe(1);
  expect(figures.get("clip_recall")).toBe(1);
  expect(secondsPerPicture).toBeGreaterThan(0);
});

test("other scenes are wrong for their sentences, and as good as a whole", async () => {
  const { scores, likeness } = await benchmarkCompositions(networks, {
    drawers: [scenes(3, 5)],
    each: 3,
    likeness: [clipFeatures(networks.clip)],
  });
  const all = scores.filter(({ name }) => name === "all");
  expect(all.reduce((sum, { value }) => sum + value, 0) / all.length).toBeLessThan(0.3);
  expect(likeness.find(({ name }) => name === "clip_fd")).toMatchObject({ value: expect.closeTo(0, 6) });
});
