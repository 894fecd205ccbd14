import { expect, test } from "vitest";
import { RecentlyRead } from "./recently-read.ts";

test("what was wanted last is kept, up to so many bytes, and read once", async () => {
  const recent = new RecentlyRead<string>(10);
  const reads: string[] = [];
  const get = (key: string, bytes = 4): Promise<string> =>
    recent.get(key, { bytes, read: async () => (reads.push(key), `value of ${key}`) });
  expect(await Promise.all([get("a"), get("a"), get("b")])).toEqual(["value of a", "value of a", "value of b"]);
  await get("a");
  await get("c"); // b was wanted longest ago
  await get("a");
  expect(reads).toEqual(["a", "b", "c"]);
  await get("b");
  expect(reads).toEqual(["a", "b", "c", "b"]);
  // What is larger than all that may be kept is kept until something else comes.
  await get("large", 50);
  await get("large", 50);
  await get("a");
  await get("large", 50);
  expect(reads.slice(4)).toEqual(["large", "a", "large"]);
});

test("what fails is read again", async () => {
  const recent = new RecentlyRead<number>(10);
  const failing = { bytes: 1, read: (): Promise<number> => Promise.reject(new Error("no")) };
  await expect(recent.get("a", failing)).rejects.toThrow("no");
  expect(await recent.get("a", { bytes: 1, read: () => Promise.resolve(7) })).toBe(7);
});
