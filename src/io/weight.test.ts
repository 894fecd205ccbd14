import { describe, expect, test } from "vitest";
import { bytesPerElement, STORED_DTYPES, type StoredDType } from "./stored-tensor.ts";
import {
  allFinite,
  checkWeight,
  chunked,
  joined,
  narrowed,
  permuted,
  readWeight,
  readWeightInto,
  reshaped,
  weightOf,
  wholeWeight,
  type Weight,
  type WeightStorage,
} from "./weight.ts";

/** Elements 0, 1, 2 … as the bytes of this type: each byte tells its element and its place in it. */
function counting(dtype: StoredDType, shape: number[]): Weight {
  const count = shape.reduce((product, size) => product * size, 1);
  const data = Uint8Array.from({ length: count * bytesPerElement(dtype) }, (_, index) => index);
  return weightOf({ dtype, shape, data });
}

/** The elements of a `counting` tensor that a view shows, by number. */
function elements(weight: Weight): number[] {
  const { data } = readWeight("w", weight);
  const size = weight.dtype === null ? 1 : bytesPerElement(weight.dtype);
  const found: number[] = [];
  for (let at = 0; at < data.byteLength; at += size) {
    const first = data[at] ?? 0;
    for (let byte = 1; byte < size; byte += 1) expect(data[at + byte]).toBe(first + byte);
    found.push(first / size);
  }
  return found;
}

describe("views of a tensor in a file", () => {
  test.each(STORED_DTYPES)("%s: axes in another order, rows, parts and shapes show the right elements", (dtype) => {
    const weight = counting(dtype, [2, 3, 4]);
    expect(elements(weight)).toEqual(Array.from({ length: 24 }, (_, index) => index));
    const turned = permuted(weight, [2, 0, 1]);
    expect(turned.shape).toEqual([4, 2, 3]);
    const expected = [0, 1, 2, 3].flatMap((k) => [0, 1].flatMap((i) => [0, 1, 2].map((j) => 12 * i + 4 * j + k)));
    expect(elements(turned)).toEqual(expected);
    expect(elements(narrowed(weight, 1, 1))).toEqual(Array.from({ length: 12 }, (_, index) => 12 + index));
    expect(elements(narrowed(turned, 2, 1))).toEqual([2, 6, 10, 14, 18, 22]);
    expect(chunked(turned, 2).map((part) => part.shape)).toEqual([
      [2, 2, 3],
      [2, 2, 3],
    ]);
    expect(chunked(turned, 2).flatMap(elements)).toEqual(expected);
    expect(reshaped(weight, [6, 4])).toMatchObject({ shape: [6, 4], strides: [4, 1] });
    expect(elements(permuted(reshaped(weight, [6, 4]), [1, 0]))).toEqual(
      [0, 1, 2, 3].flatMap((column) => [0, 1, 2, 3, 4, 5].map((row) => 4 * row + column)),
    );
  });

  test("scalars and empty tensors are views, too", () => {
    expect(elements(counting("float32", []))).toEqual([0]);
    expect(elements(reshaped(counting("float32", []), [1, 1]))).toEqual([0]);
    const empty = { ...counting("float32", [2, 0, 3]), strides: [1, 1, 1] };
    expect(readWeight("w", permuted(empty, [2, 1, 0]))).toEqual({
      dtype: "float32",
      shape: [3, 0, 2],
      data: new Uint8Array(),
    });
    expect(reshaped(empty, [0, 7]).shape).toEqual([0, 7]);
  });

  test("rows that are not there and shapes that do not fit are refused", () => {
    const weight = counting("int8", [3, 2]);
    for (const [start, length] of [
      [2, 2],
      [-1, 1],
      [0, -1],
      [0.5, 1],
      [Number.NaN, 1],
    ] as const) {
      expect(() => narrowed(weight, start, length)).toThrow(RangeError);
    }
    expect(() => chunked(weight, 2)).toThrow("[3, 2] does not divide into 2");
    expect(() => chunked(weight, 0)).toThrow(RangeError);
    expect(() => reshaped(weight, [5])).toThrow(/cannot be seen as \[5\]/);
    expect(() => reshaped(permuted(weight, [1, 0]), [6])).toThrow(/cannot be seen as \[6\]/);
  });

  test("joined parts lie one after the other, whatever they view", () => {
    const weight = counting("int16", [4, 2]);
    const both = joined([narrowed(weight, 3, 1), permuted(narrowed(weight, 0, 2), [1, 0])]);
    expect(both.shape).toEqual([3, 2]);
    expect(elements(both)).toEqual([6, 7, 0, 2, 1, 3]);
    expect(elements(joined(chunked(weight, 4)))).toEqual(elements(weight));
    expect(() => joined([weight, counting("int16", [1, 3])])).toThrow("[4, 2] and [1, 3] cannot be joined");
    expect(() => joined([weight, counting("int8", [1, 2])])).toThrow(/cannot be joined/);
    expect(() => joined([])).toThrow(/cannot be joined/);
  });

  test("reading into memory fills just that memory, and refuses any other length", () => {
    const weight = permuted(counting("uint8", [2, 3]), [1, 0]);
    const memory = new Uint8Array(10).fill(99);
    readWeightInto("w", weight, memory.subarray(2, 8));
    expect([...memory]).toEqual([99, 99, 0, 3, 1, 4, 2, 5, 99, 99]);
    for (const length of [0, 5, 7]) {
      expect(() => readWeightInto("w", weight, new Uint8Array(length))).toThrow(
        `takes 6 bytes, there is room for ${length}`,
      );
    }
  });

  test("a row-major view reads its own bytes alone, and nothing is read before that", () => {
    const reads: [number, number][] = [];
    const storage: WeightStorage = {
      kind: "storage",
      dtype: "float32",
      dtypeName: "F32",
      byteLength: 400,
      readInto: (target, offset) => reads.push([offset, target.byteLength]),
    };
    const weight = narrowed(wholeWeight(storage, [10, 10]), 3, 2);
    expect(reads).toEqual([]);
    readWeight("w", weight);
    readWeight("w", permuted(narrowed(weight, 0, 1), [1, 0]));
    expect(reads).toEqual([
      [120, 80],
      [120, 40],
    ]);
  });
});

describe("views that a file describes", () => {
  const weight = counting("float32", [2, 3]);

  test.each<[string, Partial<Weight>]>([
    ["beyond the end", { shape: [7], strides: [1] }],
    ["beyond the end by an offset", { offset: 1 }],
    ["beyond the end by a stride", { strides: [4, 1] }],
    ["with a negative offset", { offset: -1 }],
    ["with half an offset", { offset: 0.5 }],
    ["with a negative stride", { strides: [-3, 1] }],
    ["with strides that overflow", { strides: [2 ** 53, 2 ** 53] }],
    ["with an offset that overflows", { offset: 2 ** 53 }],
    ["with a stride too few", { strides: [3] }],
    ["with a stride too many", { strides: [3, 1, 1] }],
    ["with a negative size", { shape: [-2, 3] }],
    ["with more elements than numbers count", { shape: [2 ** 40, 2 ** 40], strides: [0, 0] }],
    ["with a thousand axes", { shape: Array<number>(1000).fill(1), strides: Array<number>(1000).fill(1) }],
  ])("a view %s is refused, before memory is taken", (_, view) => {
    expect(() => checkWeight("net.w", { ...weight, ...view })).toThrow(/^tensor net\.w is damaged: .*$/);
    expect(() => readWeight("net.w", { ...weight, ...view })).toThrow(/^tensor net\.w is damaged: .*$/);
  });

  test("a small storage may be repeated, as a mask is, but not to a size that fills the memory", () => {
    const mask = { ...counting("uint8", [1]), shape: [1000, 1000], strides: [0, 0] };
    expect(readWeight("mask", mask).data.byteLength).toBe(1e6);
    expect(() => checkWeight("mask", { ...mask, shape: [5000, 5000] })).toThrow(/refused as a trap/);
    const large = { ...counting("uint8", [2 ** 22]), shape: [10, 2 ** 22], strides: [0, 1] };
    expect(checkWeight("large", large)).toBe(10 * 2 ** 22);
  });

  test("an unknown type and names that would spoil the message are told in one short line", () => {
    const odd = { ...weight, dtype: null, dtypeName: "torch.\nComplex" };
    expect(() => readWeight("w", odd)).toThrow("w has the element type torch.\\u000aComplex, which");
    const failing = { ...weight, shape: [9, 9] };
    for (const name of ["a\nb\u001b[31m\u2028", "x".repeat(1e6)]) {
      expect(() => readWeight(name, failing)).toThrow(/^tensor [\x20-\x7e…]{1,500}$/);
    }
  });
});

const doubles = (...values: number[]): Uint8Array => new Uint8Array(Float64Array.from(values).buffer);

describe("looking for numbers that are none", () => {
  const bits: Partial<Record<StoredDType, { size: 1 | 2 | 4; finite: number[]; not: number[] }>> = {
    // Zeros, the smallest and the largest denormal, the largest number; then infinities and NaNs, quiet and not.
    float32: {
      size: 4,
      finite: [0, 0x80000000, 1, 0x807fffff, 0x7f7fffff, 0xff7fffff],
      not: [0x7f800000, 0xff800000, 0x7fc00000, 0x7f800001, 0xffffffff],
    },
    float16: { size: 2, finite: [0, 0x8000, 1, 0x83ff, 0x7bff, 0xfbff], not: [0x7c00, 0xfc00, 0x7e00, 0x7c01, 0xffff] },
    bfloat16: {
      size: 2,
      finite: [0, 0x8000, 1, 0x807f, 0x7f7f, 0xff7f],
      not: [0x7f80, 0xff80, 0x7fc0, 0x7f81, 0xffff],
    },
    float8_e5m2: { size: 1, finite: [0, 0x80, 1, 0x83, 0x7b, 0xfb], not: [0x7c, 0xfc, 0x7d, 0x7e, 0xff] },
    float8_e4m3fn: { size: 1, finite: [0, 0x80, 1, 0x87, 0x7e, 0xfe, 0x78], not: [0x7f, 0xff] },
  };

  test.each(Object.entries(bits))("%s", (name, { size, finite, not }) => {
    const dtype = STORED_DTYPES.find((known) => known === name) ?? "float32";
    const words = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array }[size];
    const bytesOf = (values: number[]): Uint8Array => new Uint8Array(words.from(values).buffer);
    expect(allFinite(bytesOf(finite), dtype)).toBe(true);
    for (const value of not) {
      expect(allFinite(bytesOf([...finite, value]), dtype)).toBe(false);
      expect(allFinite(bytesOf([value, ...finite]), dtype)).toBe(false);
    }
    expect(allFinite(new Uint8Array(), dtype)).toBe(true);
  });

  test("float64, whose low words may look like anything", () => {
    expect(allFinite(doubles(0, -0, Number.MIN_VALUE, -Number.MAX_VALUE, 2 ** -1030), "float64")).toBe(true);
    for (const value of [Infinity, -Infinity, Number.NaN]) {
      expect(allFinite(doubles(1, value, 2), "float64")).toBe(false);
    }
    // 1 with all ones in its low word.
    const words = Uint32Array.of(0xffffffff, 0x3ff00000);
    expect(allFinite(new Uint8Array(words.buffer), "float64")).toBe(true);
  });

  test("whole numbers always are, also in the middle of a buffer", () => {
    const ones = new Uint8Array(32).fill(255);
    const whole = STORED_DTYPES.filter((dtype) => !dtype.includes("float"));
    for (const dtype of whole) expect(allFinite(ones, dtype)).toBe(true);
    const around = new Uint8Array(Float32Array.of(Number.NaN, 1, Number.NaN).buffer);
    expect(allFinite(around.subarray(4, 8), "float32")).toBe(true);
    expect(allFinite(around.subarray(4, 12), "float32")).toBe(false);
  });
});
