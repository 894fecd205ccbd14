import { describe, expect, test } from "vitest";
import { cropAndFlip } from "./augment.ts";

/** Two pictures of 4×4 whose red channel tells the column, green the row and blue the picture. */
const images = Uint8Array.from({ length: 2 * 4 * 4 * 3 }, (_, offset) => {
  const index = Math.floor(offset / 3);
  return [index % 4, Math.floor(index / 4) % 4, Math.floor(index / 16)][offset % 3] ?? 0;
});
const base = { images, imageSize: 4, indices: Uint32Array.of(1, 0), seed: 3, step: 5 };

describe("cropAndFlip", () => {
  test("copies the pictures where it neither crops nor flips", () => {
    const batch = cropAndFlip({ ...base, flip: false });
    expect(batch).toEqual(Uint8Array.from([...images.subarray(48), ...images.subarray(0, 48)]));
  });

  test("cuts a window of neighbours, mirrored or not", () => {
    const seen = new Set<string>();
    for (let step = 0; step < 60; step++) {
      const batch = cropAndFlip({ ...base, cropSize: 3, step });
      expect(batch.length).toBe(2 * 27);
      const columns = [0, 3, 6].map((offset) => batch[offset] ?? 0);
      const rows = [1, 10, 19].map((offset) => batch[offset] ?? 0);
      expect(batch[2]).toBe(1);
      expect(["0,1,2", "1,2,3", "2,1,0", "3,2,1"]).toContain(columns.join());
      expect(["0,1,2", "1,2,3"]).toContain(rows.join());
      seen.add(`${columns.join()} ${rows.join()}`);
    }
    expect(seen.size).toBe(8);
  });

  test("is a pure function of seed and step", () => {
    expect(cropAndFlip({ ...base, cropSize: 2 })).toEqual(cropAndFlip({ ...base, cropSize: 2 }));
    const others = [4, 5, 6, 7, 8].map((step) => cropAndFlip({ ...base, cropSize: 2, step }).join());
    expect(new Set(others).size).toBeGreaterThan(1);
  });

  test("rejects sizes that do not fit", () => {
    expect(() => cropAndFlip({ ...base, imageSize: 5 })).toThrow("no whole number of pictures");
    expect(() => cropAndFlip({ ...base, cropSize: 5 })).toThrow("cropSize must be");
    expect(() => cropAndFlip({ ...base, indices: Uint32Array.of(2) })).toThrow("there is no picture 2: there are 2");
  });
});
