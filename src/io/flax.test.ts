import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { extension, flaxArray, flaxChunks, pack, type Packed, tree } from "../../test/msgpack-files.ts";
import { readFlaxFile } from "./flax.ts";
import { narrowed, readWeight } from "./weight.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "flax-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function save(value: Packed): string {
  const path = join(folder, "flax_model.msgpack");
  writeFileSync(path, pack(value));
  return path;
}

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const floats = (...values: number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);

describe("flax files", () => {
  test("arrays are read, numpy's scalars and plain numbers are no weights", () => {
    // What Python's msgpack.packb((shape, dtype.name, tobytes()), use_bin_type=True) wrote for np.float32([[1, 2], [3, 4]]) and
    // np.int64(5): flax packs an array into extension 1, a scalar into extension 3.
    const array = Buffer.from("93920202a7666c6f61743332c4100000803f000000400000404000008040", "hex");
    const scalar = Buffer.from("9390a5696e743634c4080500000000000000", "hex");
    const path = save(tree({ params: tree({ w: extension(1, array), n: extension(3, scalar) }), step: 7 }));
    const weights = readFlaxFile(path);
    expect([...weights.keys()]).toEqual(["params.w"]);
    const weight = weights.get("params.w");
    expect(weight && readWeight("w", weight)).toEqual({ dtype: "float32", shape: [2, 2], data: floats(1, 2, 3, 4) });
  });

  test.each([
    ["bfloat16", bytes(0x80, 0x3f)],
    ["float16", bytes(0, 0x3c)],
    ["bool", bytes(1)],
    ["uint32", bytes(1, 0, 0, 0)],
    ["float8_e4m3fn", bytes(0x38)],
  ])("%s keeps its bytes", (dtype, data) => {
    const weight = readFlaxFile(save(tree({ a: tree({ b: flaxArray([], dtype, data) }) }))).get("a.b");
    expect(weight && readWeight("b", weight)).toEqual({ dtype, shape: [], data });
  });

  test("arrays that flax cut into chunks are one tensor, also in part", () => {
    const chunks = [flaxArray([3], "int8", bytes(1, 2, 3)), flaxArray([3], "int8", bytes(4, 5, 6))];
    const path = save(tree({ long: flaxChunks([4, 2], [...chunks, flaxArray([2], "int8", bytes(7, 8))]) }));
    const weight = readFlaxFile(path).get("long");
    if (weight === undefined) throw new Error("the array is missing");
    expect([...readWeight("w", weight).data]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect([...readWeight("w", narrowed(weight, 1, 2)).data]).toEqual([3, 4, 5, 6]);
    expect([...readWeight("w", narrowed(weight, 3, 1)).data]).toEqual([7, 8]);
  });

  test("more than nine chunks stay in their order", () => {
    const chunks = Array.from({ length: 12 }, (_, index) => flaxArray([1], "uint8", bytes(index)));
    const weight = readFlaxFile(save(tree({ long: flaxChunks([12], chunks) }))).get("long");
    expect(weight && [...readWeight("w", weight).data]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  });

  test("an unknown element type fails only when its tensor is read", () => {
    const weights = readFlaxFile(save(tree({ c: flaxArray([1], "complex64", new Uint8Array(8)) })));
    const weight = weights.get("c");
    expect(() => weight && readWeight("c", weight)).toThrow(/c has the element type complex64/);
  });

  const one = flaxArray([1], "uint8", bytes(1));
  test.each<[string, Packed]>([
    ["a list", [one]],
    ["no arrays", tree({ a: 1 })],
    ["a key that is a number", new Map([[1, one]])],
    ["a shape that does not fit", tree({ a: flaxArray([3], "uint8", bytes(1)) })],
    ["a negative shape", tree({ a: flaxArray([-1], "uint8", bytes(1)) })],
    ["a shape that overflows", tree({ a: flaxArray([2 ** 31, 2 ** 31, 2 ** 31], "uint8", bytes(1)) })],
    ["a thousand axes", tree({ a: flaxArray(Array<number>(1000).fill(1), "uint8", bytes(1)) })],
    ["an array without bytes", tree({ a: extension(1, pack([[1], "uint8"])) })],
    ["an array with a text for bytes", tree({ a: extension(1, pack([[1], "uint8", "a"])) })],
    ["an array within an array", tree({ a: extension(1, pack([[1], "uint8", one])) })],
    ["an array that is a number", tree({ a: extension(1, pack(1)) })],
    ["an array of nothing", tree({ a: extension(1, bytes()) })],
    ["no chunks", tree({ a: flaxChunks([0], []) })],
    ["chunks that do not fit", tree({ a: flaxChunks([3], [one, one]) })],
    ["chunks that differ", tree({ a: flaxChunks([2], [one, flaxArray([1], "int8", bytes(1))]) })],
    ["a chunk that is none", tree({ a: flaxChunks([1], [7]) })],
    ["a chunked array of nothing", tree({ a: tree({ __msgpack_chunked_array__: true }) })],
    ["two arrays of one name", tree({ "a.b": one, a: tree({ b: one }) })],
    ["a name of many lines", tree({ ["a\n".repeat(400)]: flaxArray([3], "uint8", bytes(1)) })],
    ["a name of a hundred kilobytes", tree({ ["a".repeat(100_000)]: tree({ b: one, c: one }) })],
  ])("%s is refused in one line with the path", (_, value) => {
    const path = save(value);
    expect(() => readFlaxFile(path)).toThrow(new RegExp(`^cannot read ${path}: [^\\n]{1,1000}$`));
  });
});
