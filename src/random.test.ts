import { describe, expect, test } from "vitest";
import { BatchOrder, mixSeeds, permutation, Random } from "./random.ts";

function draw(...seed: (number | string)[]): string {
  const random = new Random(...seed);
  return Array.from({ length: 8 }, () => random.next()).join();
}

describe("Random", () => {
  test("repeats its draws for the same seed and differs for any other", () => {
    expect(draw(7, "crop", 3)).toBe(draw(7, "crop", 3));
    const others = [
      draw(7),
      draw("7"),
      draw(8),
      draw(7, 0),
      draw(0, 7),
      draw("ab", "c"),
      draw("a", "bc"),
      draw(7.5),
      draw(),
    ];
    expect(new Set(others).size).toBe(others.length);
  });

  test("gives the same numbers in every release, because saved runs depend on them", () => {
    const random = new Random(1234);
    expect(Array.from({ length: 4 }, () => random.int(1_000_000))).toMatchInlineSnapshot(`
      [
        94732,
        869268,
        881860,
        894678,
      ]
    `);
  });

  test("is uniform, also across neighbouring seeds", () => {
    const buckets = Array.from({ length: 16 }, () => 0);
    let sum = 0;
    for (let seed = 0; seed < 16_000; seed++) {
      const value = new Random(seed).next();
      expect(value >= 0 && value < 1).toBe(true);
      sum += value;
      const bucket = Math.floor(value * 16);
      buckets[bucket] = (buckets[bucket] ?? 0) + 1;
    }
    expect(sum / 16_000).toBeCloseTo(0.5, 1);
    // Chi-square with 15 degrees of freedom: 37.7 is the one-in-a-thousand limit.
    const chiSquare = buckets.reduce((total, count) => total + (count - 1000) ** 2 / 1000, 0);
    expect(chiSquare).toBeLessThan(37.7);
  });

  test("draws normal numbers of mean 0 and deviation 1", () => {
    const random = new Random(5);
    const values = Array.from({ length: 20_000 }, () => random.normal());
    const mean = values.reduce((a, b) => a + b) / values.length;
    const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
    expect(Math.abs(mean)).toBeLessThan(0.03);
    expect(Math.abs(variance - 1)).toBeLessThan(0.05);
  });

  test("int reaches every number below n and rejects a bad n", () => {
    const random = new Random(1);
    expect(new Set(Array.from({ length: 200 }, () => random.int(5)))).toEqual(new Set([0, 1, 2, 3, 4]));
    for (const bad of [0, -1, 1.5, Number.NaN]) expect(() => random.int(bad)).toThrow(RangeError);
  });

  test("pick rejects an empty array", () => {
    expect(() => new Random(1).pick([])).toThrow("empty array");
  });

  test("shuffle keeps every element", () => {
    const shuffled = new Random(1).shuffle([..."abcdefghij"]);
    expect(shuffled.join("")).not.toBe("abcdefghij");
    expect([...shuffled].sort().join("")).toBe("abcdefghij");
  });
});

describe("mixSeeds", () => {
  test("has no collision among 40,000 neighbouring pairs and stays a safe integer", () => {
    const seen = new Set<number>();
    for (let a = 0; a < 200; a++) for (let b = 0; b < 200; b++) seen.add(mixSeeds(a, b));
    expect(seen.size).toBe(40_000);
    expect([...seen].every((seed) => Number.isSafeInteger(seed) && seed >= 0)).toBe(true);
  });
});

describe("permutation", () => {
  test("holds every number once, in an order that depends on the seed", () => {
    const order = permutation(1000, 3);
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, index) => index));
    expect(permutation(1000, 3)).toEqual(order);
    expect(permutation(1000, 4)).not.toEqual(order);
    expect(permutation(0, 3).length).toBe(0);
  });
});

describe("BatchOrder", () => {
  const options = { count: 10, batchSize: 4, seed: 9 };

  test("shows every sample once per epoch, each epoch in another order", () => {
    const order = new BatchOrder(options);
    const stream = Array.from({ length: 5 }, (_, step) => [...order.indicesAt(step)]).flat();
    const [first, second] = [stream.slice(0, 10), stream.slice(10)];
    expect(new Set(first).size).toBe(10);
    expect(new Set(second).size).toBe(10);
    expect(second).not.toEqual(first);
  });

  test("gives the same batch whatever was asked before", () => {
    const fresh = new BatchOrder(options).indicesAt(17);
    const used = new BatchOrder(options);
    for (const step of [0, 40, 3, 17, 16]) used.indicesAt(step);
    expect(used.indicesAt(17)).toEqual(fresh);
  });

  test("fills a batch larger than the whole set", () => {
    const indices = new BatchOrder({ count: 3, batchSize: 8, seed: 1 }).indicesAt(0);
    expect(new Set(indices.slice(0, 3)).size).toBe(3);
    expect(new Set(indices.slice(3, 6)).size).toBe(3);
  });

  test("keeps samples together that follow one another, and still shows each once per epoch", () => {
    const order = new BatchOrder({ count: 22, batchSize: 8, seed: 3, together: 4 });
    const seen = [0, 1, 2].flatMap((step) => Array.from(order.indicesAt(step))).slice(0, 22);
    expect(seen.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 22 }, (_, i) => i));
    const runs = seen.map((index) => Math.floor(index / 4));
    const changes = runs.filter((run, i) => run !== runs[i - 1]).length;
    expect(changes).toBe(6);
    expect(runs).not.toEqual(runs.toSorted((a, b) => a - b));
    expect(() => new BatchOrder({ count: 22, batchSize: 8, seed: 3, together: 0 })).toThrow(RangeError);
  });

  test("rejects impossible settings", () => {
    expect(() => new BatchOrder({ count: 0, batchSize: 1, seed: 1 })).toThrow("count must be");
    expect(() => new BatchOrder({ count: 1, batchSize: 0.5, seed: 1 })).toThrow("batchSize must be");
    expect(() => new BatchOrder(options).indicesAt(-1)).toThrow("step must be");
  });

  test("counts epochs", () => {
    expect(new BatchOrder(options).epochAt(5)).toBe(2);
  });
});
