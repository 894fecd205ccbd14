import { beforeAll, expect, test } from "vitest";
import { settledTensors, tinyClip, tinyEncoded, tinyPictures, tinyVqgan } from "../../../test/tiny.ts";
import type { EncodedSet } from "../../data/encoded.ts";
import { streamOf } from "../../data/pictures.ts";
import { memoryFigures, setThreadCount } from "../../tensor/engine.ts";
import { tidy } from "../../tensor/scope.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { retrieveEncoded, retrievePicture } from "./retrieval.ts";

// Networks this small lose more time to waiting for other threads than they gain.
beforeAll(() => setThreadCount(1));

const count = 10;
const bytes = 16 * 16 * 3;
const clip = tinyClip().eval();
const data = await tinyEncoded(count);
const pictures = tinyPictures(count);

/** The embedding of a picture, a little turned. */
function near(index: number): Tensor {
  const { embedDim, views, embeddings } = data;
  const start = index * views * embedDim;
  const own = embeddings.slice(start, start + embedDim).map((value, i) => value + 0.01 * Math.cos(i));
  return Tensor.from(own, [1, embedDim]);
}

test("a picture is found by what is close to its embedding, with the bytes that it has", async () => {
  for (const index of [0, 4, 9]) {
    using condition = near(index);
    const pixels = pictures.images.slice(index * bytes, (index + 1) * bytes);
    const found = retrieveEncoded(condition, data);
    expect(found).toMatchObject({ index, name: data.names[index], size: 16, pixels });
    expect(found.score).toBeGreaterThan(0.99);
    const progress: string[] = [];
    const onProgress = (done: number, total: number): void => void progress.push(`${done}/${total}`);
    const read = await retrievePicture(condition, streamOf(pictures), { clip, batchSize: 4, onProgress });
    expect(read).toMatchObject({ index, name: data.names[index], size: 16, pixels });
    expect(read.score).toBeCloseTo(found.score, 2);
    expect(progress).toEqual(["4/10", "8/10", "10/10"]);
  }
});

test("the mirrored view of another picture is no picture that can be found", () => {
  const { embedDim, views, embeddings } = data;
  expect(views).toBe(2);
  // Only the second view of picture 3 points along this condition.
  const turned = embeddings.map((value, i) =>
    Math.floor(i / embedDim) === 3 * views + 1 ? Number(i % embedDim === 0) : value,
  );
  using condition = Tensor.from([1, ...Array.from({ length: embedDim - 1 }, () => 0)], [1, embedDim]);
  const found = retrieveEncoded(condition, { ...data, embeddings: turned });
  expect(found.score).toBeLessThan(0.999);
  expect(found.score).toBe(retrieveEncoded(condition, data).score);
});

test("without its pictures, a set gives what the VQGAN decodes", async () => {
  const { pictures: _, ...bare }: EncodedSet = data;
  using condition = near(4);
  expect(() => retrieveEncoded(condition, bare)).toThrow("give the VQGAN that encoded them");
  const vqgan = tinyVqgan().eval();
  const before = await settledTensors();
  const { index, pixels, size } = retrieveEncoded(condition, bare, vqgan);
  expect(memoryFigures().tensors).toBe(before);
  expect([index, size]).toEqual([4, 16]);
  const own = tidy(() => {
    const tokens = data.tokens.slice(4 * data.views * 16, 4 * data.views * 16 + 16);
    return vqgan
      .decode(Tensor.from(tokens, [1, 4, 4]).to("int64"))
      .clamp(-1, 1)
      .permute([0, 2, 3, 1])
      .flatten()
      .toNumbers();
  });
  const error = own.map((value, i) => Math.abs((pixels[i] ?? 0) / 127.5 - 1 - value));
  expect(Math.max(...error)).toBeLessThan(0.005);
});

test("stops at a signal, and says when there is nothing to look among", async () => {
  using condition = near(0);
  const signal = AbortSignal.abort(new Error("enough"));
  await expect(retrievePicture(condition, streamOf(pictures), { clip, signal })).rejects.toThrow("enough");
  const none = { ...pictures, count: 0 };
  await expect(retrievePicture(condition, streamOf(none), { clip })).rejects.toThrow("no pictures to look among");
});
