import { describe, expect, test } from "vitest";
import {
  byteLengthOf,
  bytesPerElement,
  checkStoredTensor,
  elementCount,
  plainDType,
  STORED_DTYPES,
  toPlain,
  type StoredDType,
} from "./stored-tensor.ts";

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** A float8 by its definition (arXiv 2209.05433, table 1), in words of its bits. */
function float8(bits: number, fractionBits: number, bias: number): number {
  const text = bits.toString(2).padStart(8, "0");
  const exponent = Number.parseInt(text.slice(1, 8 - fractionBits), 2);
  const fraction = Number.parseInt(text.slice(8 - fractionBits), 2) / 2 ** fractionBits;
  const value = exponent === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (exponent - bias);
  return text.startsWith("1") ? -value : value;
}

describe("stored tensors", () => {
  test("a scalar has one element and an empty axis makes none", () => {
    expect(elementCount([])).toBe(1);
    expect(elementCount([3, 0, 5])).toBe(0);
    expect(elementCount([2, 3, 4])).toBe(24);
  });

  test("sizes that are negative, broken or overflow are refused", () => {
    for (const shape of [[-1], [1.5], [Number.NaN], [2 ** 30, 2 ** 30], [2 ** 30, 2 ** 30, 0]]) {
      expect(() => elementCount(shape)).toThrow(/shape/);
    }
    expect(() => byteLengthOf("float64", [2 ** 52])).toThrow(/bytes/);
    expect(() => elementCount(Array<number>(65).fill(1))).toThrow(/65 axes/);
  });

  test("every element type has a size", () => {
    expect(STORED_DTYPES.map(bytesPerElement)).toEqual([8, 4, 2, 2, 8, 4, 2, 1, 1, 1, 8, 4, 2, 1, 1]);
  });

  test("data that does not fit its shape is named in the error", () => {
    const tensor = { dtype: "float32", shape: [2, 2], data: new Uint8Array(15) } as const;
    expect(() => checkStoredTensor("head.bias", { ...tensor, shape: [2, 2] })).toThrow(/head\.bias has 15 .* takes 16/);
    checkStoredTensor("head.bias", { ...tensor, shape: [2, 2], data: new Uint8Array(16) });
  });
});

describe("widening to the types that networks are made of", () => {
  const everyByte = Uint8Array.from({ length: 256 }, (_, bits) => bits);
  const floatsOf = (dtype: StoredDType): number[] => {
    const plain = toPlain({ dtype, shape: [256], data: everyByte });
    expect(plain).toMatchObject({ dtype: "float32", shape: [256] });
    return [...new Float32Array(plain.data.slice().buffer)];
  };

  test("all 256 values of float8_e4m3fn: no infinity, one NaN of each sign, 448 the largest", () => {
    const expected = Array.from(everyByte, (bits) => ((bits & 0x7f) === 0x7f ? Number.NaN : float8(bits, 3, 7)));
    expect(floatsOf("float8_e4m3fn")).toEqual(expected);
    expect([0x7e, 0x01, 0x38].map((bits) => expected[bits])).toEqual([448, 2 ** -9, 1]);
    expect(Object.is(floatsOf("float8_e4m3fn")[0x80], -0)).toBe(true);
  });

  test("all 256 values of float8_e5m2: infinities and NaN as in float16, 57344 the largest", () => {
    const expected = Array.from(everyByte, (bits) => {
      if ((bits & 0x7c) !== 0x7c) return float8(bits, 2, 15);
      return (bits & 3) !== 0 ? Number.NaN : bits === 0x7c ? Infinity : -Infinity;
    });
    expect(floatsOf("float8_e5m2")).toEqual(expected);
    expect([0x7b, 0x01, 0x3c].map((bits) => expected[bits])).toEqual([57344, 2 ** -16, 1]);
  });

  test("whole numbers without sign keep their values, wherever their bytes lie", () => {
    const wide = (dtype: StoredDType, values: ArrayBufferView): Uint8Array => {
      // One byte off: a view of the wider type cannot begin there.
      const odd = new Uint8Array(values.byteLength + 1);
      odd.set(bytesOf(values), 1);
      return toPlain({ dtype, shape: [2], data: odd.subarray(1) }).data;
    };
    expect(wide("uint16", Uint16Array.of(1, 65_535))).toEqual(bytesOf(Int32Array.of(1, 65_535)));
    expect(wide("uint32", Uint32Array.of(1, 2 ** 32 - 1))).toEqual(bytesOf(BigInt64Array.of(1n, 2n ** 32n - 1n)));
    expect(wide("uint64", BigUint64Array.of(1n, 2n ** 63n - 1n))).toEqual(
      bytesOf(BigInt64Array.of(1n, 2n ** 63n - 1n)),
    );
    expect(() => wide("uint64", BigUint64Array.of(1n, 2n ** 63n))).toThrow(/2\^63/);
  });

  test("plain types stay as they are, and every type has a plain one that is at least as wide", () => {
    for (const dtype of STORED_DTYPES) {
      const tensor = { dtype, shape: [2], data: new Uint8Array(2 * bytesPerElement(dtype)).fill(1) };
      const plain = toPlain(tensor);
      expect(plain.dtype).toBe(plainDType(dtype));
      expect(plain.data.byteLength).toBe(2 * bytesPerElement(plain.dtype));
      expect(bytesPerElement(plain.dtype)).toBeGreaterThanOrEqual(bytesPerElement(dtype));
      if (plain.dtype === dtype) expect(plain.data).toBe(tensor.data);
    }
  });
});
