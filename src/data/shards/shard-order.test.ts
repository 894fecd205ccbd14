import { describe, expect, test } from "vitest";
import { ownRows } from "../../distributed/group.ts";
import { ShardOrder, type PictureOrder } from "./shard-order.ts";

const parts = [10, 3, 25, 1, 14, 10, 7];
const count = 70;
const starts = parts.map((_, i) => parts.slice(0, i).reduce((sum, part) => sum + part, 0));
const options = { parts, batchSize: 7, seed: 5, buffer: 20 };

/** Everything from one step to another. */
function rows(order: PictureOrder, from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => [...order.indicesAt(from + i)]).flat();
}

const partOf = (index: number): number => starts.findLastIndex((start) => start <= index);
const all = Array.from({ length: count }, (_, i) => i);
const sorted = (numbers: number[]): number[] => numbers.sort((a, b) => a - b);

describe("a shard order", () => {
  test.each([1, 20, 1000])("has every picture once an epoch, with a buffer of %d", (buffer) => {
    const order = new ShardOrder({ ...options, buffer });
    for (const epoch of [0, 1, 2]) expect(sorted(rows(order, epoch * 10, epoch * 10 + 10))).toEqual(all);
  });

  test("fills a batch at the end of an epoch from the next", () => {
    const order = new ShardOrder({ ...options, batchSize: 33 });
    const seen = rows(order, 0, 70);
    for (let epoch = 0; epoch < 33; epoch += 1) {
      expect(sorted(seen.slice(epoch * count, (epoch + 1) * count))).toEqual(all);
    }
    expect(order.epochAt(70)).toBe(33);
  });

  test("is a function of the step alone", () => {
    const steps = [0, 31, 9, 10, 4, 500, 9];
    const order = new ShardOrder(options);
    for (const step of steps) expect(order.indicesAt(step)).toEqual(new ShardOrder(options).indicesAt(step));
  });

  test("differs from epoch to epoch and from seed to seed", () => {
    const order = new ShardOrder(options);
    expect(rows(order, 0, 10)).not.toEqual(rows(order, 10, 20));
    expect(rows(order, 0, 10)).not.toEqual(rows(new ShardOrder({ ...options, seed: 6 }), 0, 10));
  });

  test("takes few parts at a time, and shuffles them", () => {
    const seen = rows(new ShardOrder({ ...options, batchSize: 1 }), 0, count).map(partOf);
    // From its first picture to its last, a part of n is among less than two buffers and a part of others.
    for (const part of parts.keys()) {
      expect(seen.lastIndexOf(part) - seen.indexOf(part)).toBeLessThan(20 + Math.max(...parts));
    }
    const first = seen.slice(0, 20);
    expect(new Set(first).size).toBeGreaterThan(1);
    expect(first).not.toEqual(sorted([...first]));
  });

  test("goes on at any step of a hundred million pictures", () => {
    const order = new ShardOrder({ parts: Array.from({ length: 10_000 }, () => 10_000), batchSize: 256, seed: 1 });
    expect(new Set(order.indicesAt(1_234_567)).size).toBe(256);
  });

  test.each([
    [{ parts: [] }, "count must be a whole number from 1"],
    [{ batchSize: 0 }, "batchSize must be"],
    [{ buffer: 0.5 }, "buffer must be"],
  ])("needs what it needs: %j", (changes, message) => {
    expect(() => new ShardOrder({ ...options, ...changes })).toThrow(message);
    expect(() => new ShardOrder(options).indicesAt(-1)).toThrow("step must be a whole number from 0, got -1");
  });
});

test.each([1, 2, 3, 6])("the rows of %i processes are the batch", (size) => {
  const order: PictureOrder = new ShardOrder({ ...options, batchSize: 6 });
  for (const step of [0, 9, 10, 1000]) {
    const whole = order.indicesAt(step);
    const shares = Array.from({ length: size }, (_, rank) => {
      const { start, length } = ownRows(6, { rank, size });
      return [...whole.subarray(start, start + length)];
    });
    expect(shares.flat()).toEqual([...whole]);
    expect(shares.map(({ length }) => length)).toEqual(Array(size).fill(6 / size));
  }
});
