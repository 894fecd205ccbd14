import { expect, test } from "vitest";
import { tinyPictures } from "../../test/tiny.ts";
import { slicePictures, sourceOf } from "./picture-stream.ts";

const set = tinyPictures(5);
const each = set.size * set.size * 3;

test("pictures in memory are a source like any other", async () => {
  const source = sourceOf(set);
  expect(source).toMatchObject({ size: set.size, count: 5, parts: [5], skipped: [] });
  const { images, captions } = await source.read(Uint32Array.of(3, 0, 3));
  expect(images).toHaveLength(3 * each);
  expect(images.subarray(0, each)).toEqual(set.images.subarray(3 * each, 4 * each));
  expect(images.subarray(each, 2 * each)).toEqual(set.images.subarray(0, each));
  expect(captions).toEqual([set.captions[3], set.captions[0], set.captions[3]]);
  expect(source.nameOf(4)).toBe(set.names[4]);
  expect(sourceOf(tinyPictures(4)).version()).not.toBe(source.version());
});

test("a slice of pictures shares their memory", () => {
  const slice = slicePictures(set, 1, 3);
  expect(slice).toMatchObject({ count: 2, names: set.names.slice(1, 3), captions: set.captions.slice(1, 3) });
  expect(slice.images.buffer).toBe(set.images.buffer);
  expect(slice.images).toEqual(set.images.slice(each, 3 * each));
});
