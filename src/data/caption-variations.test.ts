import { describe, expect, test } from "vitest";
import { Random } from "../random.ts";
import { mistyped, otherNumber, rephrase, rephrasings, varyCaption } from "./caption-variations.ts";

describe("captions in other words", () => {
  test("keep most of their words, follow from the seed, and are never empty", () => {
    const varied = Array.from({ length: 500 }, (_, i) => varyCaption("golden delicious apple", new Random(i)));
    expect(varied).toEqual(Array.from({ length: 500 }, (_, i) => varyCaption("golden delicious apple", new Random(i))));
    expect(varied.filter((caption) => caption.includes("delicious")).length).toBeGreaterThan(300);
    expect(new Set(varied).size).toBeGreaterThan(100);
    expect(varied.every((caption) => caption.length > 3)).toBe(true);
  });

  test("also of one word, and of signs", () => {
    for (const caption of ["pizza", "*", "keycap: 10", "o"]) {
      for (let i = 0; i < 100; i += 1) expect(varyCaption(caption, new Random(i)).trim()).not.toBe("");
    }
  });

  test.each([
    ["apple", "apples"],
    ["cherry", "cherries"],
    ["peach", "peaches"],
    ["key", "keys"],
    ["box", "boxes"],
  ])("know that %s and %s are one and many", (one, many) => {
    expect(otherNumber(one)).toBe(many);
    expect(otherNumber(many)).toBe(one);
  });

  test("a slip changes one place of a word", () => {
    for (let i = 0; i < 200; i += 1) {
      const word = mistyped("banana", new Random(i));
      expect(Math.abs(word.length - 6)).toBeLessThanOrEqual(1);
      expect(word.startsWith("b")).toBe(true);
    }
    expect(mistyped("cat", new Random(0))).toBe("cat");
  });

  test("one at a time", () => {
    const captions = [
      "red apple",
      "a picture of red apple",
      "red apple, fruit",
      "fruit, mac, school",
      "flat red apple",
    ];
    const said = rephrasings.map((how) => rephrase(captions, how, new Random(3)));
    expect(said.filter((_, i) => rephrasings[i] !== "typo")).toEqual([
      "a red apple",
      "red apples",
      "apple red",
      "RED APPLE",
      "fruit, mac, school",
      "flat red apple",
    ]);
    expect(said[3]).toMatch(/^red a/);
    expect(said[3]).not.toBe("red apple");
  });
});
