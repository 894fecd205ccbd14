import { existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { settledTensors, temporaryFolder } from "../../test/tiny.ts";
import { memoryFigures } from "../tensor/engine.ts";
import { readSafetensors, writeSafetensors } from "../tensor/safetensors.ts";
import { tidy } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { encodedSummary, readEncoded, writeEncoded, type EncodedSet } from "./encoded.ts";

const [count, views, length, embedDim, size] = [7, 2, 6, 3, 4];
const numbers = (amount: number, limit: number): number[] => Array.from({ length: amount }, (_, i) => (i * 31) % limit);

const plain: EncodedSet = {
  count,
  views,
  grid: [2, 3],
  codebookSize: 50,
  embedDim,
  tokens: Int32Array.from(numbers(count * views * length, 50)),
  embeddings: Float32Array.from(numbers(count * views * embedDim, 97), (value) => value / 97),
  names: Array.from({ length: count }, (_, i) => `pictures/кот ${i}.png`),
};
const whole: EncodedSet = {
  ...plain,
  captions: plain.names.map((name, i) => (i === 2 ? [] : [`a ${name}`, "again"])),
  pictures: { images: Uint8Array.from(numbers(count * views * size * size * 3, 256)), size },
};

function* batchesOf(set: EncodedSet, rows: number): Generator<EncodedSet> {
  for (let start = 0; start < count; start += rows) {
    const end = Math.min(count, start + rows);
    const cut = (width: number): [number, number] => [start * views * width, end * views * width];
    const { pictures, captions } = set;
    yield {
      ...set,
      count: end - start,
      tokens: set.tokens.subarray(...cut(length)),
      embeddings: set.embeddings.subarray(...cut(embedDim)),
      names: set.names.slice(start, end),
      ...(captions && { captions: captions.slice(start, end) }),
      ...(pictures && { pictures: { size, images: pictures.images.subarray(...cut(size * size * 3)) } }),
    };
  }
}

const folder = temporaryFolder();
let made = 0;
const newFolder = (): string => join(folder, String((made += 1)));

describe("an encoded set", () => {
  // A picture of the whole set has 48 bytes of tokens, 24 of embeddings and 96 of pixels.
  test.each([
    ["plain, at once", plain, 7, 2 ** 20, 1],
    ["plain, in batches of two", plain, 2, 2 ** 20, 1],
    ["whole, in files of a batch of three", whole, 3, 3 * 168, 3],
    ["whole, in files of four batches", whole, 1, 4 * 168, 2],
    ["whole, in files smaller than a batch", whole, 7, 1, 1],
    ["plain, one picture a file", plain, 1, 1, 7],
  ])("comes back from disk as it was: %s", async (_, set, rows, fileBytes, files) => {
    const path = newFolder();
    await writeEncoded(path, batchesOf(set, rows), { fileBytes });
    // What a shard tells of its pictures, and the index.
    expect(readdirSync(path)).toHaveLength(files + 2);
    expect(readEncoded(path)).toEqual(set);
  });

  test("needs pictures", async () => {
    const path = newFolder();
    await expect(writeEncoded(path, [])).rejects.toThrow("there are no pictures to encode");
    expect(() => readEncoded(path)).toThrow("holds no encoded pictures");
  });

  test("leaves no tensors behind", async () => {
    const path = newFolder();
    const before = await settledTensors();
    await writeEncoded(path, [whole]);
    readEncoded(path);
    expect(memoryFigures().tensors).toBe(before);
  });

  test("is never overwritten, but what a crash left half-written is", async () => {
    const path = newFolder();
    mkdirSync(path);
    writeFileSync(join(path, "shard-000000-007.safetensors"), "half");
    // As versions before this one called them.
    writeFileSync(join(path, "shard-00007.safetensors"), "half");
    expect(() => readEncoded(path)).toThrow(
      "holds no encoded pictures, or not all of them yet (index.json is missing); make them with: clip-gen encode",
    );
    await writeEncoded(path, [plain]);
    expect(readdirSync(path).sort()).toEqual(["index.json", "shard-000000-000.safetensors", "shard-000000.json"]);
    const index = readFileSync(join(path, "index.json"), "utf8");
    await expect(writeEncoded(path, [whole])).rejects.toThrow(
      `${path} already holds encoded pictures; choose another folder`,
    );
    expect(readFileSync(join(path, "index.json"), "utf8")).toBe(index);
    expect(readEncoded(path)).toEqual(plain);
  });

  test("writes names in snake_case", async () => {
    const path = newFolder();
    await writeEncoded(path, [whole]);
    expect(JSON.parse(readFileSync(join(path, "index.json"), "utf8"))).toMatchObject({
      format: "clip-gen encoded pictures",
      codebook_size: 50,
      embed_dim: 3,
      picture_size: 4,
    });
  });
});

describe("a set of version 1, with all names in the index and no checksums", () => {
  test.each([
    ["plain", plain],
    ["whole", whole],
  ])("is read: %s", async (_, set) => {
    const path = newFolder();
    await writeEncoded(path, batchesOf(set, 3), { fileBytes: 1 });
    const changes = {
      version: 1,
      names: set.names,
      shards: readdirSync(path).filter((name) => /safetensors/.test(name)),
    };
    changeJson(join(path, "index.json"), set.captions ? { ...changes, captions: set.captions } : changes);
    unlinkSync(join(path, "shard-000000.json"));
    expect(readEncoded(path)).toEqual(set);
    expect(encodedSummary(path)).toEqual({ count, broken: 0, skipped: [] });
    changeJson(join(path, "index.json"), { names: [] });
    expect(() => readEncoded(path)).toThrow(/has 7 pictures, but 0 names and captions for \d/);
  });
});

function changeJson(path: string, changes: object): void {
  const json: object = JSON.parse(readFileSync(path, "utf8"));
  writeFileSync(path, JSON.stringify({ ...json, ...changes }));
}

describe("damage is told with the name of the file", () => {
  let path: string;
  let index: string;
  let about: string;
  let shard: string;

  beforeEach(async () => {
    path = newFolder();
    index = join(path, "index.json");
    about = join(path, "shard-000000.json");
    shard = join(path, "shard-000000-001.safetensors");
    await writeEncoded(path, batchesOf(whole, 4), { fileBytes: 1 });
  });

  const wrongIndex: [object, string][] = [
    [{ count: 8 }, "the index tells of 8 pictures, the shards hold 7"],
    [{ count: 1e15 }, "the index tells of 1000000000000000 pictures, the shards hold 7"],
    [{ format: "something else" }, "is no index of encoded pictures"],
    [{ version: 3 }, "is no index of encoded pictures"],
    [{ embed_dim: -3 }, "is no index of encoded pictures"],
    [{ shards: ["../../secrets.safetensors"] }, "is no index of encoded pictures"],
    [{ shards: [".."] }, "is no index of encoded pictures"],
    [{ shards: ["shard-000000.json", "shard-000009.json"] }, "shard-000009.json does not exist"],
    [{ embed_dim: 5 }, "embeddings is float32 [4, 2, 3], the index asks for float32 [4, 2, 5]"],
    [{ views: 1 }, "tokens is int32 [4, 2, 6], the index asks for int32 [4, 1, 6]"],
    [{ grid: [3, 3] }, "tokens is int32 [4, 2, 6], the index asks for int32 [4, 2, 9]"],
    [{ picture_size: 8 }, "images is uint8 [4, 2, 4, 4, 3], the index asks for uint8 [4, 2, 8, 8, 3]"],
    [{ codebook_size: 20 }, "the codebook has 20"],
  ];
  test.each(wrongIndex)("an index with %j", (changes, message) => {
    changeJson(index, changes);
    expect(() => readEncoded(path)).toThrow(message);
  });

  const wrongAbouts: [object, string][] = [
    [{ count: 8 }, "tells of 8 pictures, but has 7 names, captions for 7 and 7 in its files"],
    [{ names: ["a"] }, "tells of 7 pictures, but has 1 names"],
    [{ captions: [[]] }, "captions for 1"],
    [{ format: "something else" }, "is no shard of encoded pictures"],
    [{ files: [{ name: "../a.safetensors", count: 7, sha256: "" }] }, "is no shard of encoded pictures"],
    [{ files: [{ name: "a.safetensors", count: 7, sha256: "" }] }, "a.safetensors does not exist"],
  ];
  test.each(wrongAbouts)("a shard that tells %j", (changes, message) => {
    changeJson(about, changes);
    expect(() => readEncoded(path)).toThrow(message);
  });

  test("an index that is cut short", () => {
    truncateSync(index, 40);
    expect(() => readEncoded(path)).toThrow(`${index} is no JSON`);
  });

  test("a shard that is missing or cut short", () => {
    truncateSync(shard, 100);
    expect(() => readEncoded(path)).toThrow(shard);
    unlinkSync(shard);
    expect(existsSync(shard)).toBe(false);
    expect(() => readEncoded(path)).toThrow(shard);
  });

  const wrongShards: [string, Tensor | undefined, string][] = [
    ["tokens", Tensor.from(new Int32Array(3 * 2 * 6).fill(-1), [3, 2, 6]), "holds the token -1, the codebook has 50"],
    [
      "tokens",
      Tensor.from(new Float32Array(3 * 2 * 6), [3, 2, 6]),
      "tokens is float32 [3, 2, 6], the index asks for int32",
    ],
    [
      "embeddings",
      Tensor.from(new Float32Array(2 * 2 * 3), [2, 2, 3]),
      "embeddings is float32 [2, 2, 3], the index asks for float32 [3, 2, 3]",
    ],
    ["images", undefined, "has no tensor images"],
    ["tokens", undefined, "has no tensor tokens"],
  ];
  test.each(wrongShards)("a shard with other %s", (name, tensor, message) => {
    tidy(() => {
      const tensors = readSafetensors(shard);
      if (tensor) tensors.set(name, tensor);
      else tensors.delete(name);
      writeSafetensors(shard, tensors);
    });
    expect(() => readEncoded(path)).toThrow(shard);
    expect(() => readEncoded(path)).toThrow(message);
  });
});
