import { describe, expect, test } from "vitest";
import { code, extension, pack, type Packed, tree } from "../../test/msgpack-files.ts";
import { readMsgpack, type MsgpackValue } from "./msgpack.ts";

const sourceOf = (bytes: Uint8Array): Parameters<typeof readMsgpack>[0] => ({
  size: bytes.byteLength,
  read: (offset, length) => bytes.slice(offset, offset + length),
});
const read = (bytes: Uint8Array): MsgpackValue => readMsgpack(sourceOf(bytes));
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");

describe("the msgpack reader", () => {
  test.each<[string, MsgpackValue]>([
    ["00", 0],
    ["7f", 127],
    ["e0", -32],
    ["ff", -1],
    ["c0", null],
    ["c2", false],
    ["c3", true],
    ["cc ff", 255],
    ["cd ffff", 65_535],
    ["ce ffffffff", 4_294_967_295],
    ["cf 001fffffffffffff", 2 ** 53 - 1],
    ["cf ffffffffffffffff", 2n ** 64n - 1n],
    ["d0 80", -128],
    ["d1 8000", -32_768],
    ["d2 80000000", -2_147_483_648],
    ["d3 ffe0000000000001", -(2 ** 53) + 1],
    ["d3 8000000000000000", -(2n ** 63n)],
    ["ca 3fc00000", 1.5],
    ["cb bff8000000000000", -1.5],
    ["a3 c3a921", "é!"],
    ["a0", ""],
    ["d9 01 61", "a"],
    ["da 0001 61", "a"],
    ["db 00000001 61", "a"],
    ["c4 02 0102", { kind: "bytes", offset: 2, length: 2 }],
    ["c5 0001 01", { kind: "bytes", offset: 3, length: 1 }],
    ["c6 00000001 01", { kind: "bytes", offset: 5, length: 1 }],
    ["d4 05 01", { kind: "extension", type: 5, offset: 2, length: 1 }],
    ["d5 05 0101", { kind: "extension", type: 5, offset: 2, length: 2 }],
    ["d6 05 01010101", { kind: "extension", type: 5, offset: 2, length: 4 }],
    ["d7 ff 0101010101010101", { kind: "extension", type: -1, offset: 2, length: 8 }],
    ["d8 05 01010101010101010101010101010101", { kind: "extension", type: 5, offset: 2, length: 16 }],
    ["c7 01 05 01", { kind: "extension", type: 5, offset: 3, length: 1 }],
    ["c8 0001 05 01", { kind: "extension", type: 5, offset: 4, length: 1 }],
    ["c9 00000001 05 01", { kind: "extension", type: 5, offset: 6, length: 1 }],
    ["92 01 91 02", [1, [2]]],
    ["dc 0001 01", [1]],
    ["dd 00000001 01", [1]],
    [
      "82 a1 61 01 02 a1 62",
      new Map<MsgpackValue, MsgpackValue>([
        ["a", 1],
        [2, "b"],
      ]),
    ],
    ["de 0001 01 02", new Map([[1, 2]])],
    ["df 00000001 01 02", new Map([[1, 2]])],
  ])("%s is %o", (bytes, value) => {
    expect(read(hex(bytes))).toEqual(value);
    // Cut short anywhere it is refused.
    const whole = hex(bytes);
    for (let length = 0; length < whole.byteLength; length += 1) {
      expect(() => read(whole.subarray(0, length))).toThrow(/^the msgpack is damaged at byte \d+: .*cut short$/);
    }
  });

  test("what is longer than the window onto the file is read whole", () => {
    const long = "é".repeat(100_000);
    const value: Packed = tree({ [long]: [long, new Uint8Array(200_000), 7], after: -40 });
    const found = read(pack(value));
    expect(found instanceof Map && [...found.keys()]).toEqual([long, "after"]);
    expect(found instanceof Map && found.get(long)).toMatchObject([long, { length: 200_000 }, 7]);
    expect(found instanceof Map && found.get("after")).toBe(-40);
  });

  test("bytes are skipped, not read", () => {
    const file = pack([new Uint8Array(2 ** 24), extension(3, new Uint8Array(2 ** 24)), 1]);
    let bytes = 0;
    readMsgpack({
      size: file.byteLength,
      read: (offset, length) => {
        bytes += length;
        return file.subarray(offset, offset + length);
      },
    });
    expect(bytes).toBeLessThan(2 ** 20);
  });

  test("a range within the file is read to its end, and not beyond", () => {
    const bytes = hex("c0 92 01 02 c0");
    expect(readMsgpack(sourceOf(bytes), { offset: 1, end: 4 })).toEqual([1, 2]);
    expect(() => readMsgpack(sourceOf(bytes), { offset: 1, end: 3 })).toThrow(/cut short/);
    expect(() => readMsgpack(sourceOf(bytes), { offset: 1, end: 5 })).toThrow(/the value ends there/);
  });

  test.each<[string, Buffer]>([
    ["the code that is none", hex("c1")],
    ["nothing", Buffer.alloc(0)],
    ["a second value", hex("01 01")],
    ["an array of 2^32 values", hex("dd ffffffff 01")],
    ["a map of 2^32 values", hex("df ffffffff 01 01")],
    ["bytes of 4 GiB", hex("c6 ffffffff 01")],
    ["a text of 4 GiB", hex("db ffffffff 61")],
    ["an extension of 4 GiB", hex("c9 ffffffff 01 01")],
    ["a text of two megabytes", Buffer.concat([code(0xdb, 2 ** 21, 4), Buffer.alloc(2 ** 21, "a")])],
    ["a hundred arrays in each other", Buffer.alloc(100, 0x91)],
    ["a million maps in each other", Buffer.alloc(1e6, 0x81)],
    ["arrays of 2^32 values in each other", Buffer.concat(Array<Buffer>(60).fill(code(0xdd, 2 ** 32 - 1, 4)))],
    ["two million values", Buffer.concat([code(0xdd, 2e6, 4), Buffer.alloc(2e6)])],
  ])("%s is refused", (_, bytes) => {
    expect(() => read(bytes)).toThrow(/^the msgpack is damaged at byte \d+: .*$/);
  });
});
