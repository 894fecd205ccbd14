import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadPairs } from "./pairs.ts";
import { captionsFromKeywords } from "./picture-list.ts";
import { findPictures } from "./pictures.ts";

let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "clip-gen-pairs-"));
});
afterAll(async () => rm(root, { recursive: true }));

async function write(path: string, content: string): Promise<string> {
  const full = join(root, path);
  await mkdir(join(full, ".."), { recursive: true });
  await writeFile(full, content);
  return full;
}

describe("loadPairs reads", () => {
  test("a list, with every spelling of picture and caption", async () => {
    const list = await write(
      "list/pairs.jsonl",
      '\uFEFF{"file": "img/a.png", "caption": " a cat "}\r\n\r\n{"file_name": "b.png", "text": "a dog"}\n' +
        '{"file": "c.png", "captions": ["one", "two"]}\n{"file": "d.png", "name": "bell", "keywords": ["sound"], "id": 4}',
    );
    expect(await loadPairs(list)).toEqual([
      { file: join(root, "list/img/a.png"), captions: ["a cat"] },
      { file: join(root, "list/b.png"), captions: ["a dog"] },
      { file: join(root, "list/c.png"), captions: ["one", "two"] },
      { file: join(root, "list/d.png"), captions: ["bell", "a picture of bell", "bell, sound"] },
    ]);
  });

  test("captions that name the style, of a line or of the whole list", async () => {
    const list = await write(
      "style/pairs.jsonl",
      '{"file": "a.png", "caption": "a cat", "style": "flat"}\n{"file": "b.png", "caption": "a dog"}',
    );
    const captions = async (question: string): Promise<string[][]> =>
      (await loadPairs(list + question)).map((pair) => pair.captions);
    expect(await captions("")).toEqual([["a cat", "flat cat"], ["a dog"]]);
    expect(await captions("?as=photo")).toEqual([
      ["a cat", "flat cat"],
      ["a dog", "photo dog"],
    ]);
  });

  test("another field as the caption", async () => {
    const list = await write(
      "field/pairs.jsonl",
      '{"file": "a.png", "caption": "golden delicious", "coarse": "apple"}',
    );
    expect((await loadPairs(`${list}?caption=coarse`)).map((pair) => pair.captions)).toEqual([["apple"]]);
    await expect(loadPairs(`${list}?caption=fine`)).rejects.toThrow('no "fine", which is to be the caption');
  });

  test("folds of a list, which are all of it together, and keep what belongs together on one side", async () => {
    const lines = Array.from({ length: 200 }, (_, i) => `{"file": "${i}.png", "caption": "c", "kind": "k${i % 100}"}`);
    const list = await write("fold/pairs.jsonl", lines.join("\n"));
    const files = async (question: string): Promise<string[]> =>
      (await loadPairs(list + question)).map((pair) => pair.file);
    const [some, rest] = [await files("?fold=0/10&by=kind"), await files("?fold=1-9/10&by=kind")];
    expect(some.length).toBeGreaterThan(4);
    expect([...some, ...rest].toSorted()).toEqual((await files("")).toSorted());
    const [mine, others] = [some, rest].map(
      (part) => new Set(part.map((file) => Number.parseInt(basename(file)) % 100)),
    );
    expect([...(mine ?? [])].filter((kind) => others?.has(kind))).toEqual([]);
    expect((await files("?fold=0-4/10")).length).toBeGreaterThan(60);
    await expect(files("?fold=3/3")).rejects.toThrow("fold=3/3: expected folds");
    await expect(files("?fold=0/2&by=nothing")).rejects.toThrow('no "nothing"');
  });

  test("a part of a list", async () => {
    const list = await write(
      "split/pairs.jsonl",
      '{"file": "a.png", "caption": "a", "split": "train", "id": 1}\n{"file": "b.png", "caption": "b", "split": "test"}\n' +
        '{"file": "c.png", "caption": "c", "split": "train", "id": 2}\n{"file": "d.png", "caption": "d", "split": "train", "id": 3}',
    );
    expect((await loadPairs(`${list}?split=test`)).flatMap(({ captions }) => captions)).toEqual(["b"]);
    expect((await loadPairs(`${list}?split=train&id=1,3`)).flatMap(({ captions }) => captions)).toEqual(["a", "d"]);
    await expect(loadPairs(`${list}?split=val&id=1,2`)).rejects.toThrow(
      'names no picture with "split": "val" and "id": "1" or "2" in 4 lines',
    );
  });

  test("pictures alone from a list, which then needs no captions", async () => {
    const png = await sharp({ create: { width: 8, height: 8, channels: 3, background: "red" } })
      .png()
      .toBuffer();
    const list = await write("bare/pictures.jsonl", '{"file": "a.png"}\n{"file": "b.png", "kind": "other"}');
    await writeFile(join(root, "bare/a.png"), png);
    await writeFile(join(root, "bare/b.png"), png);
    const names = (await findPictures([list])).map(({ file }) => file);
    expect(names).toEqual([join(root, "bare/a.png"), join(root, "bare/b.png")]);
    const mixed = await findPictures([`${list}?kind=other`, join(root, "bare")]);
    expect(mixed.map(({ file }) => file)).toEqual([join(root, "bare/b.png"), join(root, "bare/a.png")]);
    await expect(loadPairs(list)).rejects.toThrow("pictures.jsonl:1: no caption for a.png");
  });

  test("a folder with metadata.jsonl", async () => {
    await write("hub/metadata.jsonl", '{"file_name": "x/0.png", "text": "a hat"}\n');
    expect(await loadPairs(join(root, "hub"))).toEqual([{ file: join(root, "hub/x/0.png"), captions: ["a hat"] }]);
  });

  test("a folder of pictures with texts beside them", async () => {
    await write("texts/a.png", "");
    await write("texts/a.txt", "first\n\n second \n");
    expect(await loadPairs(join(root, "texts"))).toEqual([
      { file: join(root, "texts/a.png"), captions: ["first", "second"] },
    ]);
    await write("texts/b.png", "");
    await expect(loadPairs(join(root, "texts"))).rejects.toThrow(
      /1 of 2 pictures have no caption, the first is .*b\.png/,
    );
  });
});

describe("loadPairs names file and line", () => {
  test.each([
    ["what is not JSON", "{", "not JSON"],
    ["what is no object", "[]", "expected object"],
    ["a wrong type", '{"file": 3, "caption": "x"}', '"file": Invalid input: expected string'],
    ["an empty caption", '{"file": "a.png", "caption": " "}', '"caption": Too small'],
    ["a line without a picture", '{"caption": "x"}', 'expected "file" or "file_name"'],
    ["a line without a caption", '{"file": "a.png"}', "no caption for a.png"],
    ["a path that leaves the folder", '{"file": "../a.png", "caption": "x"}', "outside the list's folder"],
    ["an absolute path", '{"file": "/etc/a.png", "caption": "x"}', "outside the list's folder"],
    ["an absolute path of Windows", '{"file": "C:\\\\a.png", "caption": "x"}', "outside the list's folder"],
  ])("of %s", async (_, line, message) => {
    const list = await write("bad/pairs.jsonl", `{"file": "ok.png", "caption": "fine"}\n${line}\n`);
    await expect(loadPairs(list)).rejects.toThrow(`${list}:2: `);
    await expect(loadPairs(list)).rejects.toThrow(message);
  });
});

describe("loadPairs says what it needs", () => {
  test("where the path is missing or no list", async () => {
    await expect(loadPairs(join(root, "missing"))).rejects.toThrow("there is no such file or folder");
    await expect(loadPairs(await write("pairs.csv", "a"))).rejects.toThrow("expected a .jsonl list or a folder");
    await expect(loadPairs(await write("empty.jsonl", "\n"))).rejects.toThrow("names no picture in 1 line");
  });

  test("where a folder holds lists of other names", async () => {
    await write("lists/one.jsonl", "");
    await expect(loadPairs(join(root, "lists"))).rejects.toThrow("one.jsonl: give the path of the list");
  });
});

test("captionsFromKeywords leaves out what the name says already", () => {
  expect(captionsFromKeywords("two hearts", ["love", "like", "Hearts", "love", "valentines", "heart"])).toEqual([
    "two hearts",
    "a picture of two hearts",
    "two hearts, love, like, valentines",
    "love, like, valentines, heart",
  ]);
  expect(captionsFromKeywords("bell")).toEqual(["bell", "a picture of bell"]);
});

const shared = (path: string): string => fileURLToPath(new URL(`../../../shared/data/${path}`, import.meta.url));

describe.each([
  ["fluent-emoji/emoji.jsonl", "", 1545],
  ["fluent-emoji/flat.jsonl", "", 1545],
  ["grocery/grocery.jsonl", "?split=train", 2640],
  ["grocery/grocery.jsonl", "?group=fruit,vegetables", 3676],
] as const)("the shared list %s%s (skipped where it is not there)", (path, where, count) => {
  test.skipIf(!existsSync(shared(path)))("is read in full, and its pictures exist", async () => {
    const pairs = await loadPairs(shared(path) + where);
    expect(pairs.length).toBe(count);
    expect(pairs.every(({ file }) => existsSync(file))).toBe(true);
  });
});
