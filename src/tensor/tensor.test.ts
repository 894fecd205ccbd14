import { describe, expect, test } from "vitest";
import { noGrad, grad } from "./autograd.ts";
import { memoryFigures } from "./engine.ts";
import { cat, randn, where } from "./functions.generated.ts";
import { callOperator, hasOperator, operatorSchema } from "./operator.ts";
import { Generator, manualSeed, randomState, setRandomState } from "./random.ts";
import { keep, tensorScope, tidy } from "./scope.ts";
import { Tensor } from "./tensor.ts";

describe("values", () => {
  test.each([
    ["float32", new Float32Array([1.5, -2, 3])],
    ["float64", new Float64Array([1.5, -2, 3])],
    ["int64", new BigInt64Array([1n, -2n, 9007199254740993n])],
    ["int32", new Int32Array([1, -2, 3])],
    ["uint8", new Uint8Array([1, 2, 255])],
  ] as const)("%s comes back as it went in", (dtype, data) => {
    const tensor = Tensor.from(data);
    expect(tensor.dtype).toBe(dtype);
    expect(tensor.toArray()).toEqual(data);
  });

  test("float16 and bfloat16 round to their nearest values", () => {
    expect(Tensor.from([1.00048828125, 65504], [2], "float16").toNumbers()).toEqual([1, 65504]);
    expect(Tensor.from([1.001, 3.140625], [2], "bfloat16").toNumbers()).toEqual([1, 3.140625]);
    expect(Tensor.from(new Uint16Array([0x3f80]), [1], "bfloat16").item()).toBe(1);
  });

  test("bool holds true and false", () => {
    expect(Tensor.from([true, false]).dtype).toBe("bool");
    expect(Tensor.from([true, false]).toNumbers()).toEqual([1, 0]);
  });

  test("an empty tensor and a scalar have their shapes", () => {
    expect(Tensor.from([], [0, 3]).shape).toEqual([0, 3]);
    expect(Tensor.from([7], []).item()).toBe(7);
  });
});

const matrix = (): Tensor => Tensor.from([1, 2, 3, 4, 5, 6], [2, 3]);

describe("errors name the operator, the argument and what was expected", () => {
  test("a disposed tensor", () => {
    const tensor = matrix();
    tensor.dispose();
    tensor.dispose();
    expect(() => tensor.add(1)).toThrow(
      /aten::add.Scalar: argument 'self' \(Tensor\): the tensor has been disposed of/,
    );
    expect(() => tensor.shape).toThrow(/disposed/);
    expect(tensor.toString()).toBe("Tensor(disposed)");
  });

  test("a handle that was used again by another tensor", () => {
    const first = matrix();
    first.dispose();
    const second = matrix();
    expect(() => first.toArray()).toThrow(/disposed/);
    expect(second.numel).toBe(6);
  });

  test("a bad shape", () => {
    expect(() => matrix().matmul(matrix())).toThrow(/aten::matmul: .*cannot be multiplied \(2x3 and 2x3\)/);
    expect(() => Tensor.from([1, 2, 3], [2, 2])).toThrow(/16 bytes, got 12/);
  });

  test("a wrong type", () => {
    expect(() => callOperator("aten::relu", "x")).toThrow(/aten::relu: argument 'self' \(Tensor\): expected a tensor/);
    expect(() => callOperator("aten::relu", 2 ** 40)).toThrow(/argument 'self'/);
    expect(() => callOperator("aten::cat", [matrix(), undefined])).toThrow(
      /aten::cat: argument 'tensors' \(Tensor\[\]\)/,
    );
    expect(() => callOperator("aten::add.Tensor", matrix())).toThrow(/'other' \(Tensor\): missing, got undefined/);
    expect(() => callOperator("aten::relu", matrix(), 1)).toThrow(/takes 1 arguments, got 2/);
    expect(() => matrix().narrow(0, 0.5, 1)).toThrow(/'start' \(int\): expected an integer, got the number 0.5/);
  });

  test("a wrong dtype", () => {
    expect(() => Tensor.from([1, 2]).matmul(Tensor.from(new Int32Array([1, 2])))).toThrow(/aten::matmul/);
    expect(() => Tensor.from(new Uint16Array(2))).toThrow(/say which/);
  });

  test("an unknown operator", () => {
    expect(hasOperator("aten::no_such_thing")).toBe(false);
    expect(() => callOperator("aten::no_such_thing")).toThrow(/has no operator 'aten::no_such_thing'/);
  });
});

test("any operator is reachable by name, with its schema", () => {
  expect(operatorSchema("aten::relu")).toBe("aten::relu(Tensor self) -> Tensor");
  const result = callOperator("aten::add.Tensor", Tensor.from([1, 2]), Tensor.from([10, 20]), 2);
  expect(result instanceof Tensor && result.toNumbers()).toEqual([21, 42]);
  const [values, indices] = [callOperator("aten::sort", Tensor.from([3, 1, 2]))].flat();
  expect(values instanceof Tensor && values.toNumbers()).toEqual([1, 2, 3]);
  expect(indices instanceof Tensor && indices.toNumbers()).toEqual([1, 2, 0]);
});

describe("autograd", () => {
  test("backward leaves gradients at the leaves and adds to them", () => {
    const x = Tensor.from([1, 2, 3]).setRequiresGrad(true);
    x.square().sum().backward();
    expect(x.grad?.toNumbers()).toEqual([2, 4, 6]);
    x.sum().backward();
    expect(x.grad?.toNumbers()).toEqual([3, 5, 7]);
    x.grad = undefined;
    expect(x.grad).toBeUndefined();
  });

  test("grad gives the gradients of chosen inputs and of gradients", () => {
    const x = Tensor.from([2]).setRequiresGrad(true);
    const unused = Tensor.from([1]).setRequiresGrad(true);
    const [dx, none] = grad([x.pow(3).sum()], [x, unused], { createGraph: true });
    expect(dx?.item()).toBe(12);
    expect(none).toBeUndefined();
    expect(grad([dx!.sum()], [x])[0]?.item()).toBe(12);
    expect(x.grad).toBeUndefined();
  });

  test("noGrad and detach leave no trace", () => {
    const x = Tensor.from([1]).setRequiresGrad(true);
    expect(noGrad(() => x.mul(2)).requiresGrad).toBe(false);
    expect(x.detach().requiresGrad).toBe(false);
    expect(() => x.detach().sum().backward()).toThrow(/backward: the tensor does not depend on/);
    expect(x.mul(2).requiresGrad).toBe(true);
  });
});

describe("random numbers", () => {
  test("the same seed gives the same numbers, and a state goes on from where it was saved", () => {
    const generator = new Generator(7);
    const first = randn([5], { generator }).toNumbers();
    const state = generator.state();
    const second = randn([5], { generator }).toNumbers();
    expect(second).not.toEqual(first);
    generator.restore(state);
    expect(randn([5], { generator }).toNumbers()).toEqual(second);
    expect(randn([5], { generator: new Generator(7) }).toNumbers()).toEqual(first);
  });

  test("dropout follows the process's own generator", () => {
    const ones = Tensor.from(new Float32Array(64).fill(1));
    manualSeed(3);
    const state = randomState();
    const first = ones.dropout(0.5, true).toNumbers();
    setRandomState(state);
    expect(ones.dropout(0.5, true).toNumbers()).toEqual(first);
    expect(new Set(first)).toEqual(new Set([0, 2]));
  });
});

describe("lifetimes", () => {
  test("a scope disposes of what was born in it, but for what is kept or returned", () => {
    const before = memoryFigures().tensors;
    const kept: Tensor[] = [];
    const returned = tidy(() => {
      const x = Tensor.from([1, 2]);
      kept.push(keep(x.add(1)));
      return { sum: x.sum(), list: [x.mul(3)] };
    });
    expect(memoryFigures().tensors - before).toBe(3);
    for (const tensor of [...kept, returned.sum, ...returned.list]) tensor.dispose();
    expect(memoryFigures().tensors).toBe(before);
  });

  test("scopes nest, and a result moves to the scope outside", () => {
    const before = memoryFigures().tensors;
    {
      using scope = tensorScope();
      const inner = tidy(() => Tensor.from([1]).add(Tensor.from([2])));
      expect(inner.item()).toBe(3);
      expect(inner.scope).toBe(scope);
    }
    expect(memoryFigures().tensors).toBe(before);
  });

  test("an exception leaves nothing behind", () => {
    const before = memoryFigures().tensors;
    expect(() =>
      tidy(() => {
        Tensor.from([1]).add(Tensor.from([1, 2, 3], [3]).matmul(Tensor.from([1, 2])));
      }),
    ).toThrow(/aten::matmul/);
    expect(memoryFigures().tensors).toBe(before);
  });

  test("in-place operators give the tensor itself and no new handle", () => {
    const x = Tensor.from([1, 2]);
    const before = memoryFigures().tensors;
    expect(x.add_(1).mul_(2)).toBe(x);
    expect(memoryFigures().tensors).toBe(before);
    expect(x.toNumbers()).toEqual([4, 6]);
  });
});

test("functions take and give tensors", () => {
  expect(cat([Tensor.from([1]), Tensor.from([2])]).toNumbers()).toEqual([1, 2]);
  expect(where(Tensor.from([true, false]), Tensor.from([1, 2]), Tensor.from([3, 4])).toNumbers()).toEqual([1, 4]);
});
