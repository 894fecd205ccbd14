import { expect, test } from "vitest";
import { blendOf } from "./generate-run.ts";

test("what is blended in has the weight that it is given, or an even share of what the others leave", () => {
  expect(blendOf({})).toEqual([]);
  expect(blendOf({ blend: ["a lion:0.25"] })).toEqual([{ prompt: "a lion", weight: 0.25 }]);
  expect(blendOf({ blend: ["a lion", "a bear"], from: ["C:photo.png"] })).toEqual([
    { prompt: "a lion", weight: 0.25 },
    { prompt: "a bear", weight: 0.25 },
    { picture: "C:photo.png", weight: 0.25 },
  ]);
  const [given, rest] = blendOf({ blend: ["a lion: brown:.5", "a bear"] });
  expect(given).toEqual({ prompt: "a lion: brown", weight: 0.5 });
  expect(rest).toEqual({ prompt: "a bear", weight: 0.25 });
  expect(() => blendOf({ from: ["photo.png:3"] })).toThrow(/--from/);
});
