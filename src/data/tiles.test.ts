import { expect, test } from "vitest";
import { tilesOf } from "./tiles.ts";

test("pictures are cut row by row, each into its own tiles", () => {
  const side = 4;
  const images = Uint8Array.from({ length: 2 * side * side * 3 }, (_, i) => Math.floor(i / 3));
  const cut = tilesOf({ images, size: side, count: 2, names: ["a", "b"], skipped: [] }, 2);
  expect([cut.count, cut.size, cut.names[1], cut.names[4]]).toEqual([8, 2, "a 2", "b 1"]);
  const reds = (tile: number): number[] => Array.from({ length: 4 }, (_, i) => cut.images[(tile * 4 + i) * 3] ?? -1);
  expect(reds(0)).toEqual([0, 1, 4, 5]);
  expect(reds(1)).toEqual([2, 3, 6, 7]);
  expect(reds(4)).toEqual([16, 17, 20, 21]);
  expect(() => tilesOf({ images, size: side, count: 2, names: [], skipped: [] }, 3)).toThrow("do not divide by 3");
});
