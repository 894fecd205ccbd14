import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { damage, fuzzed, tried } from "../../test/fuzz.ts";
import { mutate } from "../../test/mutate.ts";
import { parseYaml } from "./yaml.ts";

test("plain data is read, and an alias stands for what it names", () => {
  expect(parseYaml("a: &x {b: 1}\nc: [*x, 1e-3, true, null, text]")).toEqual({
    a: { b: 1 },
    c: [{ b: 1 }, 1e-3, true, null, "text"],
  });
  expect(parseYaml('{"a": [1]}')).toEqual({ a: [1] });
  expect(parseYaml("")).toBeNull();
});

test("names that JavaScript's objects have are names like others", () => {
  const value = parseYaml("__proto__: {polluted: 1}\nconstructor: {prototype: {polluted: 1}}");
  expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  expect(Object.keys(Object(value))).toEqual(["__proto__", "constructor"]);
  expect("polluted" in {}).toBe(false);
});

const letters = [..."abcdefgh"];
const laughs = letters.map((letter, i) => `${letter}: &${letter} [${`*${letters[i - 1] ?? "a"}, `.repeat(9)}]`);

/** Thirty maps in each other, in the last of them the link before. */
function link(number: number): string {
  const maps = Array.from({ length: 30 }, (_, depth) => `${" ".repeat(depth + 1)}a:`);
  return `k${number}: &k${number}\n${maps.join("\n")} ${number === 1 ? 1 : `*k${number - 1}`}`;
}

describe("texts that are traps are refused in one line:", () => {
  test.each([
    ["a list that holds itself", "a: &a [*a]", "holds itself"],
    ["a map that holds itself further in", "&a {b: {c: [1, *a]}}", "holds itself"],
    ["a billion laughs", ["a: &a [x, x]", ...laughs.slice(1)].join("\n"), "Excessive alias count"],
    ["brackets in each other", "[".repeat(60_000), "nests deeper"],
    ["brackets that strings seem to close", '["]", '.repeat(5000), "nests deeper"],
    ["lists in lists in a line", "- ".repeat(30_000), "nests deeper"],
    ["maps in maps in a line", "a: ".repeat(10_000), "nests deeper"],
    ["aliases of what nests itself", [1, 2, 3, 4, 5, 6].map((i) => link(i)).join("\n"), "nests deeper"],
    ["maps in maps", Array.from({ length: 300 }, (_, i) => `${" ".repeat(i)}a:`).join("\n"), "nests deeper"],
    ["a function", "a: !!js/function 'x'", "Unresolved tag"],
    ["a command", "a: !!python/object/apply:os.system [touch x]", "Unresolved tag"],
    ["keys that are no names", "? [a, b]\n: 1", "must be"],
    ["a megabyte", "a: 1\n".repeat(2e5), "which no settings have"],
    ["one key twice", "a: 1\na: 2", "Map keys must be unique"],
    ["several documents", "a: 1\n---\na: 2", "multiple documents"],
    ["control codes", "a: *\u001b", "\\u001b"],
  ])("%s", async (_, text, message) => {
    expect(() => parseYaml(text)).toThrow(message);
    expect(await tried(() => parseYaml(text))).toBeNull();
  });
});

test("damaged texts are read or refused in one line, in time", async () => {
  const whole = Buffer.from(
    "lr: 1e-3 # fast\nobjective:\n  embedding: &x 0.5\n  other: *x\nbetas: [0.9, 0.99]\ntext: |\n  a\n  b\n'k': \"\\u0041\"\n",
  );
  await fc.assert(
    fc.asyncProperty(damage, async (random) => {
      const bytes = mutate(whole, random);
      expect(await tried(() => parseYaml(bytes.toString("utf8")))).toBeNull();
    }),
    fuzzed(500),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.string({ unit: fc.constantFrom(..."&*!|>-?:{}[],#'\"%@ \n\tab1"), maxLength: 60 }),
      async (text) => {
        expect(await tried(() => parseYaml(text))).toBeNull();
      },
    ),
    fuzzed(500),
  );
});
