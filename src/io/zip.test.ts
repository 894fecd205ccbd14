import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateRawSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { zip } from "../../test/torch-files.ts";
import { ZipArchive } from "./zip.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "zip-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function save(bytes: Uint8Array): string {
  const path = join(folder, "a.zip");
  writeFileSync(path, bytes);
  return path;
}

/** Where the headers with this signature stand. */
function headers(bytes: Buffer, signature: string): number[] {
  const found: number[] = [];
  for (let at = bytes.indexOf(signature, 0, "latin1"); at >= 0; at = bytes.indexOf(signature, at + 1, "latin1")) {
    found.push(at);
  }
  return found;
}

const LOCAL = "PK\u0003\u0004";
const DIRECTORY = "PK\u0001\u0002";
const END = "PK\u0005\u0006";
const text = (value: string): Buffer => Buffer.from(value);
const files = { a: text("first"), empty: text(""), "folder/b": text("second".repeat(20)) };

describe("zip archives", () => {
  test.each([{}, { deflate: true }, { zip64: true }, { deflate: true, zip64: true }])(
    "entries are read, %o",
    (options) => {
      const archive = new ZipArchive(save(zip(files, options)));
      expect([...archive.entries.keys()]).toEqual(Object.keys(files));
      for (const [name, data] of Object.entries(files)) expect(archive.read(name, 1000)).toEqual(new Uint8Array(data));
      expect(Buffer.from(archive.read("a", 5)).toString()).toBe("first");
      const part = new Uint8Array(6);
      archive.readInto("folder/b", part, 6);
      expect(Buffer.from(part).toString()).toBe("second");
      expect(() => archive.read("a", 4)).toThrow(/a in .* has 5 bytes, more than the 4/);
      expect(() => archive.readInto("a", part, 0)).toThrow(/has 5 bytes, but 6 at 0/);
      expect(() => archive.read("c", 4)).toThrow(/has no entry c/);
    },
  );

  test.each([{}, { zip64: true }])("two names for the same bytes are refused, %o", (options: { zip64?: boolean }) => {
    const bytes = zip(files, options);
    const place = headers(bytes, DIRECTORY)[2] ?? 0;
    // The offset stands in the header, or as the third number of its zip64 field, after the name.
    if (options.zip64 === true) bytes.writeBigUInt64LE(0n, place + 46 + "folder/b".length + 4 + 16);
    else bytes.writeUInt32LE(0, place + 42);
    expect(() => new ZipArchive(save(bytes))).toThrow(
      /table of contents cannot be read \(.* reaches into what follows/,
    );
  });

  test("a thousand names for one entry are refused, however small they are", () => {
    const one = zip({ a: text("x".repeat(2000)) });
    const [start = 0] = headers(one, DIRECTORY);
    const [end = 0] = headers(one, END);
    const entries = Array.from({ length: 1000 }, (_, index) => {
      const entry = Buffer.concat([one.subarray(start, start + 46), text(String(index).padStart(4, "0"))]);
      entry.writeUInt16LE(4, 28);
      return entry;
    });
    const table = Buffer.concat(entries);
    const tail = Buffer.from(one.subarray(end));
    tail.writeUInt16LE(1000, 10);
    tail.writeUInt32LE(table.byteLength, 12);
    expect(() => new ZipArchive(save(Buffer.concat([one.subarray(0, start), table, tail])))).toThrow(/reaches into/);
  });

  test("an entry within the bytes of another one is refused, as is one within the table of contents", () => {
    const inner = zip({ b: text("inside") });
    const local = inner.subarray(0, headers(inner, DIRECTORY)[0]);
    const bytes = zip({ a: local, b: text("inside") });
    const [, second = 0] = headers(bytes, DIRECTORY);
    // b's place is that of the entry which a holds as its data.
    bytes.writeUInt32LE(headers(bytes, LOCAL)[1] ?? 0, second + 42);
    expect(() => new ZipArchive(save(bytes))).toThrow(/reaches into what follows/);
    bytes.writeUInt32LE(second, second + 42);
    expect(() => new ZipArchive(save(bytes))).toThrow(/reaches into what follows/);
  });

  test("a local header that moves its data into the next entry is refused when it is read", () => {
    const bytes = zip(files);
    // Its extra field would take the place of the data.
    bytes.writeUInt16LE(12, 28);
    const archive = new ZipArchive(save(bytes));
    expect(() => archive.read("a", 100)).toThrow(/a in .* is damaged: it reaches into what follows/);
    expect(Buffer.from(archive.read("folder/b", 1000)).toString()).toBe("second".repeat(20));
  });

  test("entries that are listed in another order than they lie in are fine", () => {
    const bytes = zip(files);
    const [first = 0, second = 0, third = 0] = headers(bytes, DIRECTORY);
    const [end = 0] = headers(bytes, END);
    const parts = [bytes.subarray(0, first), bytes.subarray(third, end), bytes.subarray(first, second)];
    const turned = Buffer.concat([...parts, bytes.subarray(second, third), bytes.subarray(end)]);
    const archive = new ZipArchive(save(turned));
    expect([...archive.entries.keys()]).toEqual(["folder/b", "a", "empty"]);
    expect(Buffer.from(archive.read("a", 100)).toString()).toBe("first");
  });

  test("sizes that the packed bytes do not have are refused, without memory for what they claim", () => {
    const packed = deflateRawSync(Buffer.alloc(1e6));
    const bytes = zip({ a: Buffer.alloc(1e6) }, { deflate: true });
    const [place = 0] = headers(bytes, DIRECTORY);
    for (const size of [999_999, 1_000_001, 1]) {
      bytes.writeUInt32LE(size, place + 24);
      const archive = new ZipArchive(save(bytes));
      expect(() => archive.read("a", 2e6)).toThrow(/a in .* is damaged: it does not unpack to its/);
    }
    bytes.writeUInt32LE(0xfffffff0, place + 24);
    expect(() => new ZipArchive(save(bytes))).toThrow(/claims to unpack from \d+ to 4294967280 bytes/);
    bytes.writeUInt32LE(1e6, place + 24);
    bytes.writeUInt32LE(packed.byteLength + 1000, place + 20);
    expect(() => new ZipArchive(save(bytes))).toThrow(/reaches into what follows/);
  });

  test.each<[string, (bytes: Buffer, places: { local: number; entry: number; end: number }) => unknown]>([
    ["an encrypted entry", (bytes, { entry }) => bytes.writeUInt16LE(1, entry + 8)],
    ["an unknown way of packing", (bytes, { entry }) => bytes.writeUInt16LE(93, entry + 10)],
    ["a stored entry of two sizes", (bytes, { entry }) => bytes.writeUInt32LE(4, entry + 24)],
    ["an entry longer than the file", (bytes, { entry }) => bytes.fill(0x7f, entry + 20, entry + 28)],
    ["an entry after the end", (bytes, { entry }) => bytes.writeUInt32LE(2 ** 31, entry + 42)],
    ["an entry of zip64 without its field", (bytes, { entry }) => bytes.writeUInt32LE(0xffffffff, entry + 42)],
    ["more entries than there are", (bytes, { end }) => bytes.writeUInt16LE(60_000, end + 10)],
    ["a table of contents beyond the end", (bytes, { end }) => bytes.writeUInt32LE(2 ** 31, end + 16)],
    ["a table of contents of gigabytes", (bytes, { end }) => bytes.writeUInt32LE(2 ** 32 - 2, end + 12)],
    ["a name longer than the table", (bytes, { entry }) => bytes.writeUInt16LE(65_535, entry + 28)],
  ])("%s is refused", (_, damage) => {
    const bytes = zip(files);
    const [local = 0] = headers(bytes, LOCAL);
    const [entry = 0] = headers(bytes, DIRECTORY);
    const [end = 0] = headers(bytes, END);
    damage(bytes, { local, entry, end });
    expect(() => new ZipArchive(save(bytes))).toThrow(/a\.zip/);
  });
});
