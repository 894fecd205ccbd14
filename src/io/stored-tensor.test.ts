import { describe, expect, test } from "vitest";
import { byteLengthOf, bytesPerElement, checkStoredTensor, elementCount, STORED_DTYPES } from "./stored-tensor.ts";

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
  });

  test("every element type has a size", () => {
    expect(STORED_DTYPES.map(bytesPerElement)).toEqual([8, 4, 2, 2, 8, 4, 2, 1, 1, 1]);
  });

  test("data that does not fit its shape is named in the error", () => {
    const tensor = { dtype: "float32", shape: [2, 2], data: new Uint8Array(15) } as const;
    expect(() => checkStoredTensor("head.bias", { ...tensor, shape: [2, 2] })).toThrow(/head\.bias has 15 .* takes 16/);
    checkStoredTensor("head.bias", { ...tensor, shape: [2, 2], data: new Uint8Array(16) });
  });
});
