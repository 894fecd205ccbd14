import { mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { parquetWriteBuffer, type SchemaElement } from "hyparquet-writer";
import sharp from "sharp";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { rangeServer } from "../../../test/range-server.ts";
import { tar, type TarEntry } from "../../../test/tar-files.ts";
import { temporaryFolder } from "../../../test/tiny.ts";
import type { PictureSource } from "../picture-stream.ts";
import { openPictures, type OpenOptions } from "./open-pictures.ts";
import { pictureSource } from "./picture-source.ts";
import { ShardOrder } from "./shard-order.ts";

const folder = temporaryFolder();
const cache = join(folder, "cache");
const server = rangeServer();
const size = 4;

/** Pictures of one grey, 4×4. */
const greys: Buffer[] = [];
const grey = (value: number): Buffer => greys[value] ?? Buffer.alloc(0);

beforeAll(async () => {
  for (let value = 0; value < 40; value += 1) {
    const create = { width: size, height: size, channels: 3, background: { r: value, g: value, b: value } } as const;
    greys.push(await sharp({ create }).png().toBuffer());
  }
});

let made = 0;
let place = folder;
beforeEach(() => {
  place = join(folder, String((made += 1)));
  mkdirSync(place);
});

function write(name: string, content: Uint8Array): string {
  const path = join(place, name);
  writeFileSync(path, content);
  return path;
}

/** Samples of one picture each, the caption beside it. */
function samples(values: readonly number[]): TarEntry[] {
  return values.flatMap((value) => [
    { name: `cats/${value}.png`, data: grey(value) },
    { name: `cats/${value}.txt`, data: `grey ${value}\n` },
  ]);
}

async function open(paths: string[], options: OpenOptions & { mostBroken?: number } = {}): Promise<PictureSource> {
  const { mostBroken, ...rest } = options;
  const store = await openPictures(paths, { cache, retryDelayMs: 1, ...rest });
  return pictureSource(store, { size, ...(mostBroken !== undefined && { mostBroken }) });
}

async function valuesOf(source: PictureSource, indices?: readonly number[]): Promise<number[]> {
  const { images } = await source.read(indices ?? Array.from({ length: source.count }, (_, i) => i));
  return Array.from(images.filter((_, i) => i % (size * size * 3) === 0));
}

describe("tar shards", () => {
  test("are one source, in order, with captions where they are asked for", async () => {
    write("a-0.tar", tar(samples([1, 2, 3])));
    write("a-1.tar", tar(samples([4, 5])));
    const source = await open([join(place, "a-{0..1}.tar")]);
    expect(source).toMatchObject({ size, count: 5, parts: [3, 2], skipped: [] });
    expect(await valuesOf(source)).toEqual([1, 2, 3, 4, 5]);
    expect(await valuesOf(source, [4, 0, 4])).toEqual([5, 1, 5]);
    expect(source.nameOf(3)).toBe(`${join(place, "a-1.tar")}:cats/4.png`);
    expect(await source.read([0])).not.toHaveProperty("captions");
    expect((await source.read([])).images).toHaveLength(0);
    const told = await open([place], { captions: true });
    expect((await told.read([4, 1])).captions).toEqual([["grey 5"], ["grey 2"]]);
  });

  test("group members by WebDataset's rule", async () => {
    const path = write(
      "a.tar",
      tar([
        { name: "x/1.json", data: JSON.stringify({ caption: " a cat ", width: 3 }) },
        { name: "x/1.PNG", data: grey(1) },
        { name: "x/1.seg.png", data: grey(30) },
        { name: "x/._2.png", data: "what macOS adds" },
        { name: ".DS_Store", data: "what macOS adds" },
        { name: "x/2.jpg", data: grey(2) },
        { name: "x/2.json", data: '{"captions": ["one", "two"]}' },
        { name: "x/2.txt", data: "from the text" },
        { name: "x/2.cls", data: "7" },
        { name: "y/2.webp", data: grey(3) },
        { name: "y/2.txt", data: "\ufeffone\r\n\r\n two " },
        { name: "../z\n.png", data: grey(4) },
        { name: "../z\n.json", data: '{"text": "a z"}' },
        { name: "link.png", type: "2" },
      ]),
    );
    const source = await open([path], { captions: true });
    expect(source.count).toBe(4);
    expect((await source.read([0, 1, 2, 3])).captions).toEqual([["a cat"], ["from the text"], ["one", "two"], ["a z"]]);
    expect(await valuesOf(source)).toEqual([1, 2, 3, 4]);
    expect(source.nameOf(3)).toBe(`${path}:../z\\u000a.png`);
  });

  test("on a server are read by their parts", async () => {
    server.files.set("/a-0.tar", tar(samples([1, 2])));
    server.files.set("/a-1.tar", tar(samples([3])));
    const source = await open([`${server.origin}/a-{0..1}.tar?key=1&weight=2`], { captions: true });
    server.faults = [503, "cut"];
    expect(await valuesOf(source)).toEqual([1, 2, 3, 1, 2, 3]);
    expect(source.nameOf(5)).toBe(`${server.origin}/a-1.tar:cats/3.png`);
    server.edition += 1;
    await expect(source.read([0])).rejects.toThrow("/a-0.tar was changed while it was being read");
  });

  test("are looked through once, until they change", async () => {
    const own = join(place, "cache");
    const path = write("a.tar", tar(samples([1, 2])));
    await open([path], { cache: own });
    const [name = ""] = readdirSync(own);
    expect(readdirSync(own)).toHaveLength(1);
    server.files.set("/b.tar", tar(samples([3])));
    await open([`${server.origin}/b.tar`], { cache: own });
    server.requests.length = 0;
    expect(await valuesOf(await open([`${server.origin}/b.tar`], { cache: own }))).toEqual([3]);
    // The first byte, which tells the version, and the picture.
    expect(server.requests).toHaveLength(2);
    // A damaged index is made again.
    writeFileSync(join(own, name), "damaged");
    expect(await valuesOf(await open([path], { cache: own }))).toEqual([1, 2]);
    write("a.tar", tar(samples([5, 6, 7])));
    utimesSync(path, 1, 1);
    expect(await valuesOf(await open([path], { cache: own }))).toEqual([5, 6, 7]);
    // A cache that cannot be written stops nothing.
    expect(await valuesOf(await open([path], { cache: join(path, "no folder") }))).toEqual([5, 6, 7]);
  });

  test("that are damaged or empty are told by name", async () => {
    const whole = tar(samples([1, 2]));
    const cut = write("cut.tar", whole.subarray(0, 1800));
    await expect(open([cut])).rejects.toThrow(`${cut} is cut short: what begins at byte 2048 is not whole`);
    const other = write("other.tar", tar([{ name: "a.mp3" }, { name: "b" }]));
    await expect(open([other])).rejects.toThrow(`${other} has no picture, but .mp3 no extension; read are .png`);
    await expect(open([join(place, "none-{0..3}.tar")])).rejects.toThrow("none-0.tar: there is no such file");
  });
});

function damaged(name: string): TarEntry {
  return { name, data: "damaged" };
}

describe("broken pictures", () => {
  test("are replaced by the next that can be read, always the same, and named once", async () => {
    const path = write(
      "a.tar",
      tar([...samples([1]), damaged("b.png"), damaged("c.png"), ...samples([4, 5]), damaged("f.png")]),
    );
    const source = await open([path]);
    expect(await valuesOf(source, [5, 1, 2, 5])).toEqual([1, 4, 4, 1]);
    expect(await valuesOf(source)).toEqual([1, 4, 4, 4, 5, 1]);
    const names = source.skipped.map(({ file }) => file).sort();
    expect(names).toEqual(["b.png", "c.png", "f.png"].map((name) => `${path}:${name}`));
    expect(source.skipped[0]?.reason).toBe("it is not a picture of a known format, or is damaged");
    // Whoever asks for one alone gets the same.
    expect(await valuesOf(await open([path]), [1])).toEqual([4]);
  });

  test("are an error where there are too many, or nothing else", async () => {
    const path = write("a.tar", tar([...samples([1]), damaged("b.png"), damaged("c.png")]));
    await expect(valuesOf(await open([path], { mostBroken: 1 }))).rejects.toThrow(
      /2 of 3 pictures cannot be read, expected 1 at most; the first, .*a\.tar:b\.png: it is not a picture/,
    );
    const none = write("none.tar", tar([damaged("b.png"), damaged("c.png")]));
    await expect(valuesOf(await open([none]))).rejects.toThrow(/none of 2 pictures could be read; the first, .*b\.png/);
  });

  test("are also those without a caption, where captions are asked for", async () => {
    const path = write(
      "a.tar",
      tar([
        { name: "a.png", data: grey(1) },
        ...samples([2]),
        { name: "c.png", data: grey(3) },
        { name: "c.json", data: "no JSON" },
      ]),
    );
    const source = await open([path], { captions: true });
    expect(await source.read([0, 2])).toMatchObject({ captions: [["grey 2"], ["grey 2"]] });
    expect(source.skipped.map(({ reason }) => reason)).toEqual([
      "it has no .txt or .json with a caption beside it",
      "there is no caption in what lies beside it",
    ]);
  });
});

describe("folders and mixtures", () => {
  test("of files, lists and shards", async () => {
    const pictures = join(place, "pictures");
    mkdirSync(pictures);
    for (const value of [1, 2]) writeFileSync(join(pictures, `${value}.png`), grey(value));
    writeFileSync(join(place, "list.jsonl"), '{"file": "pictures/2.png", "text": "grey 2"}\n');
    const shard = write("a.tar", tar(samples([7, 8])));
    const mixed = await open([pictures, `${shard}?weight=2`, join(place, "list.jsonl?weight=3")]);
    expect(await valuesOf(mixed)).toEqual([7, 8, 7, 8, 1, 2, 2, 2, 2]);
    expect(mixed.parts).toEqual([2, 2, 2, 1, 1, 1]);
    expect(mixed.nameOf(5)).toBe(join(pictures, "2.png"));
    const told = await open([shard, join(place, "list.jsonl")], { captions: true });
    expect((await told.read([1, 2])).captions).toEqual([["grey 8"], ["grey 2"]]);
  });

  test("come as often as their weight in every epoch", async () => {
    const [a, b] = [write("a.tar", tar(samples([1, 2, 3, 4]))), write("b.tar", tar(samples([10, 11, 12, 13, 14])))];
    const source = await open([`${a}?weight=2.5`, b]);
    expect(source).toMatchObject({ count: 15, parts: [4, 4, 2, 5] });
    const order = new ShardOrder({ ...source, batchSize: 5, seed: 1 });
    for (const epoch of [0, 1]) {
      const seen = await Promise.all([0, 1, 2].map((i) => valuesOf(source, [...order.indicesAt(3 * epoch + i)])));
      const sorted = seen.flat().sort((one, other) => one - other);
      expect(sorted).toEqual([1, 1, 1, 2, 2, 3, 3, 3, 4, 4, 10, 11, 12, 13, 14]);
    }
  });

  test("have another version once a picture is added", async () => {
    const path = write("a.tar", tar(samples([1, 2])));
    const version = (await open([path])).version();
    expect((await open([path])).version()).toBe(version);
    expect((await open([`${path}?weight=2`])).version()).not.toBe(version);
    write("a.tar", tar(samples([1, 2, 3])));
    expect((await open([path])).version()).not.toBe(version);
  });
});

/** Pictures as Hugging Face's `datasets` has them in a column. */
function structs(values: readonly number[]): { bytes: Buffer; path: string }[] {
  return values.map((value) => ({ bytes: grey(value), path: `${value}.png` }));
}

describe("parquet", () => {
  /** Their schema, which the writer does not guess. */
  const schema: SchemaElement[] = [
    { name: "root", num_children: 2 },
    { name: "image", num_children: 2, repetition_type: "OPTIONAL" },
    { name: "bytes", type: "BYTE_ARRAY", repetition_type: "OPTIONAL" },
    { name: "path", type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "OPTIONAL" },
    { name: "text", type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "OPTIONAL" },
  ];

  function parquet(
    values: readonly number[],
    options: { data?: unknown[]; codec?: "GZIP"; text?: string[] } = {},
  ): Buffer {
    const { data = structs(values), text = values.map((value) => `grey ${value}`), codec } = options;
    return Buffer.from(
      parquetWriteBuffer({
        columnData: [
          { name: "image", data },
          { name: "text", data: text },
        ],
        schema,
        rowGroupSize: 3,
        ...(codec && { codec, compressors: { GZIP: (bytes: Uint8Array) => gzipSync(bytes) } }),
      }),
    );
  }

  test.each(["here", "gzip", "on a server"])("files are read by their row groups: %s", async (where) => {
    const values = [1, 2, 3, 4, 5, 6, 7];
    const content = parquet(values, where === "gzip" ? { codec: "GZIP" } : {});
    server.files.set("/a.parquet", content);
    const path = where === "on a server" ? `${server.origin}/a.parquet` : write("a.parquet", content);
    const source = await open([path], { captions: true });
    expect(source).toMatchObject({ count: 7, parts: [3, 3, 1] });
    expect(await valuesOf(source, [6, 0, 3, 2])).toEqual([7, 1, 4, 3]);
    expect((await source.read([5])).captions).toEqual([["grey 6"]]);
    expect(source.nameOf(6)).toBe(`${path}:row 6`);
    expect(source.buffer).toBeGreaterThan(7);
  });

  test("a row group that is wanted again is not read again", async () => {
    server.files.set("/a.parquet", parquet([1, 2, 3, 4]));
    const source = await open([`${server.origin}/a.parquet`]);
    await valuesOf(source, [0, 1]);
    const before = server.requests.length;
    await valuesOf(source, [1, 2, 0]);
    expect(server.requests).toHaveLength(before);
    await valuesOf(source, [3]);
    expect(server.requests.length).toBeGreaterThan(before);
  });

  test("a plain column of bytes by a usual name", async () => {
    const columnData = [
      { name: "label", data: [1, 2], type: "INT32" as const },
      { name: "jpg", data: [grey(3), grey(4)], type: "BYTE_ARRAY" as const },
    ];
    const path = write("a.parquet", Buffer.from(parquetWriteBuffer({ columnData })));
    expect(await valuesOf(await open([path]))).toEqual([3, 4]);
    await expect(open([path], { captions: true })).rejects.toThrow(
      "has no column of captions: expected captions, caption, text; it has label, jpg",
    );
  });

  test("rows without a picture or a caption are broken", async () => {
    const data = [...structs([1]), { bytes: null, path: "elsewhere.png" }, ...structs([3, 4])];
    const path = write("a.parquet", parquet([1, 2, 3, 4], { data, text: ["one", "two", "", "four"] }));
    const source = await open([path], { captions: true });
    expect(await valuesOf(source)).toEqual([1, 4, 4, 4]);
    expect(source.skipped.map(({ file, reason }) => `${file} ${reason}`)).toEqual([
      `${path}:row 1 the row holds no bytes of a picture; a path or an address alone is not followed`,
      `${path}:row 2 the row has no caption`,
    ]);
  });

  test("files that are something else, or damaged", async () => {
    const other = parquetWriteBuffer({ columnData: [{ name: "a", data: ["x"], type: "STRING" }] });
    await expect(open([write("a.parquet", Buffer.from(other))])).rejects.toThrow(
      /a\.parquet has no column of pictures: expected one of \{bytes, path\}, .* it has a$/,
    );
    const whole = parquet([1, 2, 3]);
    await expect(open([write("b.parquet", whole.subarray(0, 500))])).rejects.toThrow(/b\.parquet/);
    const overwritten = Buffer.concat([Buffer.alloc(200, 7), whole.subarray(200)]);
    await expect(valuesOf(await open([write("c.parquet", overwritten)]))).rejects.toThrow(/c\.parquet/);
  });
});
