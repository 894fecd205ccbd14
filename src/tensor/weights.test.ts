import { expect, test } from "vitest";
import { weightOf, type Weight } from "../io/weight.ts";
import { memoryFigures } from "./engine.ts";
import { native } from "./native.ts";
import { tidy } from "./scope.ts";
import { Tensor } from "./tensor.ts";
import { readTensor, WeightMemory } from "./weights.ts";

const floats = (...values: number[]): Weight =>
  weightOf({ dtype: "float32", shape: [values.length], data: new Uint8Array(Float32Array.from(values).buffer) });

test("a tensor is read as it is stored", () => {
  tidy(() => {
    expect(readTensor("w", floats(1, -2, 3)).toNumbers()).toEqual([1, -2, 3]);
    const bools = weightOf({ dtype: "bool", shape: [3], data: Uint8Array.of(0, 1, 7) });
    expect(readTensor("b", bools).toBytes()).toEqual(Uint8Array.of(0, 1, 1));
    const small = weightOf({ dtype: "float8_e5m2", shape: [2], data: Uint8Array.of(0x3c, 0xc0) });
    expect(readTensor("s", small)).toMatchObject({ dtype: "float32" });
    expect(readTensor("s", small).toNumbers()).toEqual([1, -2]);
    const wide = weightOf({ dtype: "uint16", shape: [1], data: Uint8Array.of(0xff, 0xff) });
    expect(readTensor("u", wide).toNumbers()).toEqual([65_535]);
  });
});

test.each([Number.NaN, Infinity, -Infinity])("%d is refused where numbers have to be finite", (value) => {
  const weight = floats(1, value, 2);
  expect(() => readTensor("w", weight, { finite: true })).toThrow("tensor w holds NaN or infinity");
  expect(tidy(() => readTensor("w", weight).toNumbers())).toEqual([1, value, 2]);
});

test("finite numbers whose sum is infinite are fine", () => {
  const weight = floats(3e38, 3e38);
  expect(tidy(() => readTensor("w", weight, { finite: true }).toNumbers())).toHaveLength(2);
  const half = weightOf({ dtype: "float16", shape: [2], data: Uint8Array.of(0xff, 0x7b, 0xff, 0x7b) }); // twice 65,504
  expect(tidy(() => readTensor("h", half, { finite: true }).toNumbers())).toEqual([65_504, 65_504]);
});

test("tensors of one block of memory are apart, and the block goes with the last of them", () => {
  const { tensors, bytes } = memoryFigures();
  const weights = [floats(1, 2, 3), floats(4), floats()];
  const read = tidy(() => {
    using memory = new WeightMemory(weights);
    return weights.map((weight, i) => readTensor(`w${i}`, weight, { memory }));
  });
  const [first, second, third] = read;
  first?.fill_(9);
  expect(second?.toNumbers()).toEqual([4]);
  expect(first?.toNumbers()).toEqual([9, 9, 9]);
  expect(third?.shape).toEqual([0]);
  for (const tensor of read) tensor.dispose();
  expect(memoryFigures()).toMatchObject({ tensors, bytes });
});

test("memory for more than a huge page holds what is written, on both sides of it", () => {
  const count = 2 ** 20;
  const data = new Uint8Array(Float32Array.from({ length: count }, (_, i) => i).buffer);
  const weight = weightOf({ dtype: "float32", shape: [count], data });
  tidy(() => {
    using memory = new WeightMemory([weight, weight]);
    const [a, b] = [readTensor("a", weight, { memory }), readTensor("b", weight, { memory })];
    expect(a.sub(b).abs().amax().item()).toBe(0);
    expect(b.narrow(0, count - 1, 1).item()).toBe(count - 1);
  });
});

test("the add-on gives out only what there is", () => {
  const memory = native.arena(128);
  try {
    expect(() => native.within(memory, 64, [17], "float32")).toThrow("there is no place for [17] at byte 64");
    expect(() => native.within(memory, 4, [1], "float32")).toThrow("no place");
    expect(() => native.within(memory, -64, [1], "float32")).toThrow("no place");
    expect(() => native.within(memory, 0, [2 ** 52, 2 ** 10], "float32")).toThrow("no place");
    expect(() => native.within(memory, 0, [1], "quint8")).toThrow(/./);
    expect(() => native.arena(-1)).toThrow("expected a size");
    expect(() => native.arena(2 ** 52)).toThrow(/./);
  } finally {
    native.release(memory);
  }
});

function fail(): never {
  throw new RangeError("no such file");
}

test("bytes belong to the call that they were given for", () => {
  const tensor = Tensor.from([1, 2]);
  let kept: Uint8Array | undefined;
  native.withBytes(tensor.handle, (bytes) => {
    kept = bytes;
    expect(bytes).toHaveLength(8);
  });
  expect(kept).toHaveLength(0);
  expect(() => native.withBytes(tensor.handle, fail)).toThrow(new RangeError("no such file"));
  expect(() => native.withBytes(tensor.t().handle, () => {})).not.toThrow();
  const turned = Tensor.from([1, 2, 3, 4], [2, 2]).t();
  expect(() => native.withBytes(turned.handle, () => {})).toThrow("only contiguous tensors");
  // Whoever disposes of the tensor meanwhile writes to memory that is still there.
  native.withBytes(tensor.handle, (bytes) => {
    tensor.dispose();
    bytes.fill(1);
  });
  expect(tensor.isDisposed).toBe(true);
});
