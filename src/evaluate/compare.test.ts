import { beforeAll, expect, test } from "vitest";
import { tinyPictures } from "../../test/tiny.ts";
import { setThreadCount } from "../tensor/engine.ts";
import { compareSets } from "./compare.ts";
import type { PictureFeatures } from "./features.ts";

// Networks this small lose more time to waiting for other threads than they gain.
beforeAll(() => setThreadCount(1));

/** Means of the four quarters stand for features of the Inception: (B, 12), and are their own logits. */
const quarters: PictureFeatures = {
  name: "Inception",
  frechet: { name: "fid", label: "FID" },
  kernel: { name: "kid", label: "KID" },
  prefix: "",
  features: (images) => images.adaptiveAvgPool2d(2).flatten(1),
  logits: (features) => features.mul(4),
};

test("sets that are alike are close, and features with classes give an Inception Score", async () => {
  const pictures = tinyPictures(40);
  const noise = { ...pictures, images: pictures.images.map((_, i) => (i * 7919) % 256) };
  const { reconstruction, drawings, blur, features } = await compareSets(
    { pictures, reconstructions: pictures, drawings: noise },
    quarters,
    {},
  );
  for (const tensor of Object.values(features)) tensor.dispose();
  const value = (name: string): number => {
    const figure = [...reconstruction, ...drawings].find((one) => one.name === name);
    return figure && "value" in figure ? figure.value : Number.NaN;
  };
  expect(drawings.map(({ name }) => name)).toEqual([
    "fid",
    "fid_blur_1",
    "fid_blur_2",
    "fid_blur_4",
    "fid_blur_8",
    "kid",
    "precision",
    "recall",
    "inception_score",
  ]);
  expect(value("reconstruction_fid")).toBeCloseTo(0, 6);
  expect(value("fid")).toBeGreaterThan(0.1);
  expect(value("fid_blur_8")).toBeLessThan(value("fid"));
  expect(value("recall")).toBe(0);
  expect(value("inception_score")).toBeGreaterThanOrEqual(1);
  expect(blur.points[0]).toEqual({ radius: 0, distance: value("fid") });
});
