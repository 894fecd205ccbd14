import { describe, expect, test } from "vitest";
import { heldOutCombinations } from "../data/scenes.ts";
import { heldOutPairs } from "../data/compositions.ts";
import { UserError } from "./errors.ts";
import { captionedScenes, trainingScenes } from "./training.ts";

/** The combinations of colour and shape that the names of pictures tell of. */
function named(names: readonly string[] | undefined): string[] {
  return (names ?? []).flatMap((name) => name.replace(/^scene \d+: /, "").split(", "));
}

const apart = new Set(heldOutCombinations.map(({ color, shape }) => `${color} ${shape}`));

describe.each(["single", "composed"] as const)("--scenes with --scene-kind %s", (sceneKind) => {
  const flags = { scenes: "300", sceneKind };

  test("draws for the generator what is not kept apart, and for CLIP all combinations with captions", () => {
    const forGenerator = trainingScenes(flags, 16);
    expect(forGenerator).toMatchObject({ count: 300, size: 16 });
    expect(forGenerator?.images.length).toBe(300 * 16 * 16 * 3);
    expect(named(forGenerator?.names).filter((name) => apart.has(name))).toEqual([]);
    const forClip = captionedScenes(flags, { size: 16, alike: 1 });
    expect(named(forClip?.names).some((name) => apart.has(name))).toBe(true);
    expect(forClip?.captions?.map(({ length }) => length)).toEqual(Array(300).fill(4));
    expect(forClip?.images).not.toEqual(forGenerator?.images);
  });

  test("draws the same every time", () => {
    expect(trainingScenes(flags, 16)).toEqual(trainingScenes(flags, 16));
  });

  test("is left out where there is no --scenes, and wants a whole number", () => {
    expect(trainingScenes({ sceneKind }, 16)).toBeUndefined();
    expect(captionedScenes({ sceneKind }, { size: 16, alike: 1 })).toBeUndefined();
    expect(() => trainingScenes({ scenes: "many", sceneKind }, 16)).toThrow(UserError);
  });
});

test("composed scenes have several objects, and for the generator no pair of shapes that is kept apart", () => {
  const names = trainingScenes({ scenes: "300", sceneKind: "composed" }, 16)?.names ?? [];
  const pairs = names.map((name) => name.split(", ").map((one) => one.split(" ").at(-1)));
  expect(pairs.some(({ length }) => length === 3)).toBe(true);
  for (const [one, other] of heldOutPairs) {
    expect(pairs.filter((shapes) => shapes.includes(one) && shapes.includes(other))).toEqual([]);
  }
});
