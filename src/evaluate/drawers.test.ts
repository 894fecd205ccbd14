import { beforeAll, describe, expect, test } from "vitest";
import { tinyModel, tinyPictures } from "../../test/tiny.ts";
import { streamOf } from "../data/picture-stream.ts";
import { clipFeatures, featuresOf } from "./features.ts";
import { generatingDrawer, optimizingDrawer, retrievingDrawer } from "./drawers.ts";
import { drawEach } from "../generate/draw-each.ts";
import { textTargets } from "../generate/embed.ts";
import { Targets } from "../generate/targets.ts";
import { setThreadCount } from "../tensor/engine.ts";
import { normalize } from "../nn/functional.ts";
import { keep, tidy } from "../tensor/scope.ts";

beforeAll(() => setThreadCount(1));
const model = tinyModel();
const prompts = ["a red circle", "a blue star", "a ring"];

describe("drawers", () => {
  test("the model's draws what the model draws", async () => {
    using targets = textTargets(model, prompts);
    const settings = { candidates: 2, seed: 3 };
    const drawn = await generatingDrawer(model, settings)(targets, {});
    expect(drawn).toEqual(await drawEach(model, targets, settings));
  });

  test("optimising gives a picture of each, in batches", async () => {
    using targets = textTargets(model, prompts);
    const seen: string[] = [];
    const drawn = await optimizingDrawer(model, { steps: 2, cutouts: 4, batchSize: 2, seed: 5 })(targets, {
      onProgress: ({ candidates, of, tokens, length }) => seen.push(`${candidates}/${of} ${tokens}/${length}`),
    });
    expect(drawn.map(({ seed, size, pixels }) => [seed, size, pixels.length])).toEqual(
      [5, 6, 7].map((seed) => [seed, 16, 768]),
    );
    expect(seen).toEqual(["2/3 1/2", "2/3 2/2", "3/3 1/2", "3/3 2/2"]);
  });

  test("retrieving finds a picture by its own embedding", async () => {
    const pictures = tinyPictures(10);
    const { features } = await featuresOf(streamOf(pictures), clipFeatures(model.clip));
    using own = new Targets(keep(tidy(() => normalize(features).narrow(0, 2, 3).contiguous())));
    features.dispose();
    const found = await retrievingDrawer(model.clip, streamOf(pictures))(own, {});
    for (const [i, { pixels, score }] of found.entries()) {
      expect(pixels).toEqual(pictures.images.slice((2 + i) * 768, (3 + i) * 768));
      expect(score).toBeCloseTo(1, 5);
    }
  });
});
