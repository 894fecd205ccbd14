import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SafetensorsFile, writeSafetensorsFile } from "./safetensors.ts";
import { bytesPerElement, STORED_DTYPES, type StoredTensor } from "./stored-tensor.ts";

const golden = fileURLToPath(new URL("../../../shared/golden/clipgen-gpt/gpt.safetensors", import.meta.url));
let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "safetensors-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

function writeRaw(header: string, data: Uint8Array = bytes(), announced: number = Buffer.byteLength(header)): string {
  const path = join(folder, "raw.safetensors");
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(announced));
  writeFileSync(path, Buffer.concat([length, Buffer.from(header), data]));
  return path;
}

const entry = (begin: number, end: number, rest: object = {}): object => ({
  dtype: "U8",
  shape: [end - begin],
  data_offsets: [begin, end],
  ...rest,
});

describe("safetensors", () => {
  test("what was written is read again, every element type, in the order given", () => {
    const path = join(folder, "all.safetensors");
    const tensors = new Map<string, StoredTensor>(
      STORED_DTYPES.toReversed().map((dtype, index) => [
        `${index} ünï"`,
        { dtype, shape: [3, 1], data: new Uint8Array(3 * bytesPerElement(dtype)).fill(index + 1) },
      ]),
    );
    tensors.set("scalar", { dtype: "int8", shape: [], data: bytes(255) });
    tensors.set("empty", { dtype: "float32", shape: [0, 7], data: bytes() });
    writeSafetensorsFile(path, tensors, { format: "pt", prompt: "a cat\n" });
    const file = new SafetensorsFile(path);
    expect(file.names).toEqual([...tensors.keys()]);
    expect(file.metadata).toEqual({ format: "pt", prompt: "a cat\n" });
    for (const [name, tensor] of tensors) expect(file.read(name)).toEqual(tensor);
    expect(file.weight("scalar")).toMatchObject({ dtype: "int8", dtypeName: "I8", shape: [] });
    // The data starts at a multiple of 8, as the format's own writers have it.
    expect(readFileSync(path).readBigUInt64LE(0) % 8n).toBe(0n);
  });

  test("tensors can be viewed as numbers although they lie unaligned in the file", () => {
    const path = join(folder, "odd.safetensors");
    const data = new Uint8Array(Float32Array.of(1.5, -2).buffer);
    writeSafetensorsFile(path, [
      ["odd", { dtype: "uint8", shape: [3], data: bytes(1, 2, 3) }],
      ["x", { dtype: "float32", shape: [2], data }],
    ]);
    const file = new SafetensorsFile(path);
    expect([...new Float32Array(file.read("x").data.buffer)]).toEqual([1.5, -2]);
  });

  test("writing refuses names given twice and data that does not fit", () => {
    const tensor: StoredTensor = { dtype: "uint8", shape: [1], data: bytes(1) };
    const path = join(folder, "refused.safetensors");
    expect(() =>
      writeSafetensorsFile(path, [
        ["a", tensor],
        ["a", tensor],
      ]),
    ).toThrow(/name a is taken/);
    expect(() => writeSafetensorsFile(path, [["__metadata__", tensor]])).toThrow(/reserved/);
    expect(() => writeSafetensorsFile(path, [["a", { ...tensor, shape: [2] }]])).toThrow(/takes 2/);
    expect(existsSync(path)).toBe(false);
  });

  test("an unknown name and an unknown type are told apart", () => {
    const path = writeRaw(
      JSON.stringify({ a: entry(0, 2), b: { dtype: "F8_E8M0", shape: [2], data_offsets: [2, 4] } }),
      bytes(1, 2, 3, 4),
    );
    const file = new SafetensorsFile(path);
    expect(file.weight("b")).toMatchObject({ dtype: null, dtypeName: "F8_E8M0", shape: [2] });
    expect(() => file.read("b")).toThrow(/element type F8_E8M0/);
    expect(() => file.read("c")).toThrow(/no tensor c; it has 2: a, b$/);
    expect([...file.read("a").data]).toEqual([1, 2]);
  });

  test.each([
    ["F8_E4M3", "float8_e4m3fn", 1],
    ["F8_E5M2", "float8_e5m2", 1],
    ["U16", "uint16", 2],
    ["U32", "uint32", 4],
    ["U64", "uint64", 8],
  ] as const)("the library's %s is %s", (dtypeName, dtype, size) => {
    const data = Uint8Array.from({ length: 2 * size }, (_, index) => index + 1);
    const header = { a: { dtype: dtypeName, shape: [2], data_offsets: [0, 2 * size] } };
    const file = new SafetensorsFile(writeRaw(JSON.stringify(header), data));
    expect(file.weight("a")).toMatchObject({ dtype, dtypeName });
    expect(file.read("a")).toEqual({ dtype, shape: [2], data });
  });

  test.each<[string, string, number]>([
    ["a gap", JSON.stringify({ a: entry(0, 2), b: entry(3, 4) }), 4],
    ["an overlap", JSON.stringify({ a: entry(0, 3), b: entry(2, 4) }), 4],
    ["data after the last tensor", JSON.stringify({ a: entry(0, 3) }), 4],
    ["missing data", JSON.stringify({ a: entry(0, 5) }), 4],
    ["a shape that does not fit", JSON.stringify({ a: entry(0, 4, { shape: [5] }) }), 4],
    ["a shape that overflows", JSON.stringify({ a: entry(0, 4, { shape: [2 ** 40, 2 ** 40] }) }), 4],
    ["a negative offset", JSON.stringify({ a: entry(0, 4, { data_offsets: [-4, 0] }) }), 4],
    ["swapped offsets", JSON.stringify({ a: entry(0, 4, { data_offsets: [4, 0] }) }), 4],
    ["three offsets", JSON.stringify({ a: entry(0, 4, { data_offsets: [0, 4, 4] }) }), 4],
    ["a shape of text", JSON.stringify({ a: entry(0, 4, { shape: "4" }) }), 4],
    ["a name given twice", `{"a":${JSON.stringify(entry(0, 2))},"a":${JSON.stringify(entry(2, 4))}}`, 4],
    ["metadata that is no text", JSON.stringify({ __metadata__: { a: 1 } }), 0],
    ["an entry without a type", JSON.stringify({ a: { shape: [], data_offsets: [0, 1] } }), 1],
    ["a list", "[]", 0],
    ["half a JSON text", '{"a":', 0],
    ["a shape of a thousand axes", JSON.stringify({ a: entry(0, 4, { shape: Array<number>(1000).fill(1) }) }), 4],
    ["offsets beyond 2^53", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[9007199254740993,9007199254740994]}}`, 1],
    ["a header that nests without end", `{"a":${"[".repeat(100_000)}`, 0],
  ])("%s is refused", (_, header, length) => {
    expect(() => new SafetensorsFile(writeRaw(header, new Uint8Array(length)))).toThrow(/raw\.safetensors/);
  });

  test("huge and tiny headers and other files are refused before anything is read", () => {
    expect(() => new SafetensorsFile(writeRaw("{}", bytes(), 2 ** 40))).toThrow(/not a safetensors file/);
    expect(() => new SafetensorsFile(writeRaw("{}", bytes(), 1000))).toThrow(/cut short/);
    writeFileSync(join(folder, "tiny"), "abc");
    expect(() => new SafetensorsFile(join(folder, "tiny"))).toThrow(/only 3 bytes/);
    expect(() => new SafetensorsFile(folder)).toThrow(/not a file but a folder/);
    expect(() => new SafetensorsFile(join(folder, "none"))).toThrow(/does not exist/);
  });

  test("a file that shrinks after it was opened gives an error and not zeros", () => {
    const path = writeRaw(JSON.stringify({ a: entry(0, 100) }), new Uint8Array(100).fill(7));
    const file = new SafetensorsFile(path);
    truncateSync(path, 90);
    expect(() => file.read("a")).toThrow(/was changed/);
  });

  test("a tensor named __proto__ is a tensor", () => {
    const path = join(folder, "proto.safetensors");
    writeSafetensorsFile(path, [["__proto__", { dtype: "uint8", shape: [1], data: bytes(9) }]]);
    const file = new SafetensorsFile(path);
    expect([...file.read("__proto__").data]).toEqual([9]);
  });

  test.skipIf(!existsSync(golden))("a file of the Python library opens (needs ../shared/golden)", () => {
    const file = new SafetensorsFile(golden);
    expect(file.names).toHaveLength(47);
    expect(file.weight("pos_emb")).toMatchObject({ dtype: "float32", dtypeName: "F32", shape: [1, 16, 64] });
  });
});
