import { deflateSync } from "node:zlib";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { crc32 } from "./crc.ts";
import { addPngText, readPngText } from "./png-text.ts";

const picture = async (): Promise<Uint8Array> =>
  sharp({ create: { width: 3, height: 2, channels: 3, background: { r: 1, g: 2, b: 3 } } })
    .png()
    .toBuffer();

function insertChunk(png: Uint8Array, type: string, data: Uint8Array): Uint8Array {
  const chunk = Buffer.alloc(12 + data.byteLength);
  chunk.writeUInt32BE(data.byteLength, 0);
  chunk.write(type, 4, "latin1");
  chunk.set(data, 8);
  chunk.writeUInt32BE(crc32(chunk.subarray(4, -4)), 8 + data.byteLength);
  return Buffer.concat([png.subarray(0, 33), chunk, png.subarray(33)]);
}

describe("text in PNG files", () => {
  test("texts come back as they were, whatever the language", async () => {
    const texts = { prompt: "ein Stück Pizza 🍕\nzwei", parameters: '{"seed":7}', empty: "" };
    expect(readPngText(addPngText(await picture(), texts))).toEqual(texts);
  });

  test("other readers see a whole picture and the texts", async () => {
    const png = addPngText(await picture(), { prompt: "a cat", "Creation Time": "now" });
    const metadata = await sharp(png).metadata();
    expect(metadata).toMatchObject({ width: 3, height: 2 });
    expect(metadata.comments).toContainEqual(expect.objectContaining({ keyword: "prompt", text: "a cat" }));
    expect([...(await sharp(png).raw().toBuffer())]).toEqual(Array.from({ length: 6 }, () => [1, 2, 3]).flat());
  });

  test("a text of the same keyword is replaced and the others stay", async () => {
    const once = addPngText(await picture(), { prompt: "old", seed: "7" });
    const twice = addPngText(once, { prompt: "new" });
    expect(readPngText(twice)).toEqual({ prompt: "new", seed: "7" });
    expect(Buffer.from(twice).toString("latin1")).not.toContain("old");
  });

  test("older and compressed kinds of text are read", async () => {
    let png = insertChunk(await picture(), "tEXt", Buffer.from("a\0caf\u00e9 \u0080", "latin1"));
    png = insertChunk(png, "zTXt", Buffer.concat([Buffer.from("b\0\0"), deflateSync("plain")]));
    png = insertChunk(png, "iTXt", Buffer.concat([Buffer.from("c\0\u0001\0de\0Wort\0"), deflateSync("grün")]));
    expect(readPngText(png)).toEqual({ a: "caf\u00e9 \u0080", b: "plain", c: "grün" });
  });

  test("keywords and texts that PNG does not allow are refused", async () => {
    const png = await picture();
    for (const keyword of ["", " a", "a ", "a  b", "x".repeat(80), "日本", "a\0b"]) {
      expect(() => addPngText(png, { [keyword]: "x" })).toThrow(/keyword/);
    }
    expect(() => addPngText(png, { a: "x\0y" })).toThrow(/NUL/);
  });

  test("damage is an error wherever it is", async () => {
    const png = addPngText(await picture(), { prompt: "a cat" });
    for (let length = 0; length < png.byteLength; length += 1) {
      expect(() => readPngText(png.subarray(0, length))).toThrow(/not a whole PNG/);
    }
    const flipped = Uint8Array.from(png);
    flipped[50] = (flipped[50] ?? 0) ^ 1;
    expect(() => readPngText(flipped)).toThrow(/checksum of its iTXt/);
    const bomb = Buffer.concat([Buffer.from("b\0\0"), deflateSync(Buffer.alloc(2 ** 25))]);
    expect(() => readPngText(insertChunk(png, "zTXt", bomb))).toThrow(/longer than/);
    // Each of these is within the limit, and all of them would be gigabytes.
    const half = Buffer.concat([Buffer.from("x\0\0"), deflateSync(Buffer.alloc(2 ** 23))]);
    let many = png;
    for (let chunk = 0; chunk < 300; chunk += 1) many = insertChunk(many, chunk % 2 === 0 ? "zTXt" : "tEXt", half);
    expect(() => readPngText(many)).toThrow(/longer than/);
    expect(() => readPngText(insertChunk(png, "iTXt", Buffer.from("c\0\0\0de")))).toThrow(/incomplete/);
  });
});
