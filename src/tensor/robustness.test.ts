import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { memoryFigures } from "./engine.ts";
import { cat, ones } from "./functions.generated.ts";
import { native, type Argument, type Handle } from "./native.ts";
import { callOperator } from "./operator.ts";
import { Generator, setRandomState } from "./random.ts";
import { tidy } from "./scope.ts";
import { Tensor } from "./tensor.ts";

function call<Result = Handle>(name: string, ...args: Argument[]): Result {
  const [base = "", overload = ""] = name.split(".");
  return native.call<Result>(native.findOperator(`aten::${base}`, overload), ...args);
}

/** An array whose first element is a getter. */
function withGetter(get: () => number, rest: readonly number[] = []): number[] {
  return Object.defineProperty([0, ...rest], 0, { get });
}

/** The sum of a tensor behind 100,000 nodes of autograd's graph. */
function deep(x: Tensor): Tensor {
  return tidy(() => {
    let y = x;
    for (let i = 0; i < 100_000; i += 1) y = y.add(1);
    return y.sum();
  });
}

describe("a handle is exactly what the add-on gave out", () => {
  const { handle } = Tensor.from([1, 2]);
  test.each([NaN, Infinity, -1, 0, 1, 0.5, 2 ** 40, handle + 0.5, -handle, 1e300])("%d is none", (number) => {
    expect(() => native.shape(number)).toThrow(/^shape: (expected a tensor|the tensor)/);
    expect(() => call("relu", number)).toThrow(/^aten::relu: argument 'self' \(Tensor\): /);
    expect(native.isLive(number)).toBe(false);
    expect(() => native.release(number)).not.toThrow();
    expect(native.isLive(handle)).toBe(true);
  });

  test("a generator is no tensor, and a tensor no generator", () => {
    const generator = new Generator(1);
    expect(() => native.shape(generator.handle)).toThrow("shape: expected a tensor, got a generator");
    expect(() => callOperator("aten::relu", generator)).toThrow(
      /'self' \(Tensor\): expected a tensor, got a generator/,
    );
    expect(() => call("randn.generator", [2], handle)).toThrow(/'generator' .*expected a generator, got a tensor/);
    expect(() => native.seedGenerator(handle, 1)).toThrow(/expected a generator, got a tensor/);
    native.release(generator.handle);
    native.releaseGenerator(handle);
    expect(generator.state().length).toBeGreaterThan(0);
    expect(native.isLive(handle)).toBe(true);
  });

  test("a disposed generator is found out", () => {
    const generator = new Generator(1);
    generator.dispose();
    new Generator(2).dispose();
    expect(() => generator.state()).toThrow(/the generator has been disposed of/);
  });

  test("no number is given out twice, however often its place is used", () => {
    const first = call("ones", [1]);
    native.release(first);
    const seen = new Set<Handle>();
    for (let i = 0; i < 20_000; i += 1) {
      const next = call("ones", [1]);
      seen.add(next);
      native.release(next);
    }
    expect(seen.size).toBe(20_000);
    expect(seen.has(first)).toBe(false);
    expect([...seen].every(Number.isSafeInteger)).toBe(true);
  });
});

describe("numbers", () => {
  test.each([NaN, Infinity, 0.5, 2 ** 60])("%d is no integer", (number) => {
    const expected = `expected an integer, got the number ${number}`;
    expect(() => call("zeros", [number])).toThrow(
      `aten::zeros: argument 'size' (int[]): ${expected}`.replace("int[]", "int[]"),
    );
    expect(() => native.fromBytes(new Uint8Array(4), [number], "uint8")).toThrow(`fromBytes: ${expected}`);
    expect(() => native.seedGenerator("cpu", number)).toThrow(expected);
    expect(() => native.setThreads(number)).toThrow(expected);
  });

  test("NaN and Infinity are numbers where numbers are due", () => {
    expect(Tensor.from([1, 2]).mul(Infinity).toNumbers()).toEqual([Infinity, Infinity]);
    expect(Tensor.from([1]).add(NaN).toNumbers()).toEqual([NaN]);
  });

  test("integers beyond 2^53 come and go as bigints", () => {
    const big = call("full", [], 9007199254740993n, "int64");
    expect(call<bigint>("item", big)).toBe(9007199254740993n);
    expect(call<number>("item", call("full", [], -3, "int64"))).toBe(-3);
    expect(() => call("full", [], 2n ** 64n)).toThrow(/the bigint does not fit into 64 bits/);
  });

  test("a word stands for a number only where the schema has that word", () => {
    const x = Tensor.from([1, 2, 3]);
    expect(() => call("softmax.int", x.handle, "mean")).toThrow(
      /'dim' \(int\): expected an integer, got the string 'mean'/,
    );
    expect(() => call("softmax.int", x.handle, 0, "sum")).toThrow(/'dtype' .*unknown dtype 'sum'/);
    expect(() => call("mse_loss", x.handle, x.handle, "float32")).toThrow(/'reduction' .*expected none, mean or sum/);
    expect(() => call("clone", x.handle, "none")).toThrow(/'memory_format' .*expected contiguous_format/);
  });

  test("an operator's number is one that findOperator gave", () => {
    for (const number of [-1, NaN, 1e9]) {
      expect(() => native.call(number)).toThrow(/no such operator/);
      expect(() => native.schemaOf(number)).toThrow(/no such operator/);
    }
  });
});

describe("shapes", () => {
  test("a tensor that no memory can hold is an error", () => {
    expect(() => call("zeros", [2 ** 52])).toThrow(/aten::zeros: .*allocate/);
    expect(() => call("zeros", [2 ** 31, 2 ** 31, 2 ** 31])).toThrow(/aten::zeros: .*overflow/i);
    expect(() => call("empty.memory_format", [2 ** 30, 2 ** 30])).toThrow(/aten::empty.memory_format: .*allocate/);
    const wide = Tensor.from([1]).expand([2 ** 45]);
    expect(() => wide.toBytes()).toThrow(/toBytes: .*allocate/);
  });

  test("a negative size is an error", () => {
    expect(() => call("zeros", [-1])).toThrow(/aten::zeros: .*negative/);
    expect(() => native.fromBytes(new Uint8Array(4), [-1, -4], "uint8")).toThrow(/sizes are not negative, got -1/);
  });

  test("bytes are held against the shape before memory is taken", () => {
    expect(() => native.fromBytes(new Uint8Array(4), [2 ** 40], "float32")).toThrow(
      "fromBytes: a float32 tensor of shape [1099511627776] has 4398046511104 bytes, got 4",
    );
    expect(() => native.fromBytes(new Uint8Array(4), [2 ** 52, 2 ** 52], "int8")).toThrow(/too many bytes, got 4/);
    expect(native.shape(native.fromBytes(new Uint8Array(0), [2 ** 52, 0], "int8"))).toEqual([2 ** 52, 0]);
  });

  test("an array's claimed length takes no memory", () => {
    const sparse: number[] = [];
    sparse.length = 2 ** 32 - 1;
    expect(() => call("zeros", sparse)).toThrow(/'size' .*expected an integer, got undefined/);
    expect(() => call("cat", sparse)).toThrow(/'tensors' \(Tensor\[\]\): expected a tensor, got undefined/);
    expect(() => native.fromBytes(new Uint8Array(0), sparse, "uint8")).toThrow(/got undefined/);
  });

  test("a bool holds 0 and 1, whatever the bytes say", () => {
    expect(Tensor.fromBytes(new Uint8Array([2, 0, 255]), [3], "bool").toNumbers()).toEqual([1, 0, 1]);
  });

  test("bytes are the values, also of a view that negates or lies otherwise in memory", () => {
    const x = Tensor.from([1, 2, 3, 4], [2, 2]);
    expect(Array.from(new Float32Array(native.toBytes(call("_neg_view", x.handle))))).toEqual([-1, -2, -3, -4]);
    expect(x.t().toNumbers()).toEqual([1, 3, 2, 4]);
    expect(() => native.toBytes(call("to_sparse", x.handle))).toThrow(/only dense tensors have row-major bytes/);
  });

  test("a buffer larger than those that N-API allots is whole", () => {
    const size = 65 * 2 ** 20;
    const bytes = tidy(() => ones([size], { dtype: "uint8" }).toBytes());
    expect(bytes.length).toBe(size);
    expect([bytes[0], bytes[size - 1]]).toEqual([1, 1]);
  });
});

describe("strings and types", () => {
  test("a NUL does not cut a name short", () => {
    expect(() => native.findOperator("aten::relu\0x", "")).toThrow("this libtorch has no operator 'aten::relu?x'");
    expect(() => native.createGenerator("cpu\0x")).toThrow("'cpu?x' is no device; expected cpu, cuda or cuda:N");
    expect(() => native.fromBytes(new Uint8Array(1), [1], "uint8\0")).toThrow(/unknown dtype 'uint8\?'/);
  });

  test("a long string does not make a long message", () => {
    expect(() => native.findOperator("x".repeat(1e6), "")).toThrow(/^.{0,150}…'$/);
  });

  test("every wrong type is named with its argument", () => {
    const x = Tensor.from([1]).handle;
    expect(() => call("zeros", [1], null, null, 3)).toThrow(
      /'device' \(Device\?\): expected a string, got the number 3/,
    );
    expect(() => call("gelu", x, 3)).toThrow(/'approximate' \(str\): expected a string, got the number 3/);
    expect(() => call("dropout", x, "x", true)).toThrow(/'p' \(float\): expected a number, got the string 'x'/);
    expect(() => call("dropout", x, 0.5, 1)).toThrow(/'train' \(bool\): expected true or false, got the number 1/);
    expect(() => call("relu", [x])).toThrow(/'self' \(Tensor\): expected a tensor, got an array/);
    expect(() => call("cat", x)).toThrow(/'tensors' \(Tensor\[\]\): expected an array, got the number/);
    expect(() => call("relu", null)).toThrow(/'self' \(Tensor\): missing, got null/);
  });

  test("operators with types that JavaScript has not are refused", () => {
    const x = Tensor.from([1]).handle;
    expect(() => call("set_.source_Storage", x, x)).toThrow(/'source' \(Storage\): this type cannot be passed/);
    expect(() => call("record_stream", x, 0)).toThrow(/'s' \(Stream\): this type cannot be passed/);
    expect(() => call("qscheme", x)).toThrow(
      "aten::qscheme: its result of type QScheme cannot be passed to JavaScript",
    );
    expect(() => call("relu", ...Array<Handle>(40).fill(x))).toThrow(/takes 1 arguments, got 40/);
  });

  test("CUDA where there is none is said in one line", () => {
    if (native.cudaDevices() > 0) return;
    expect(() => native.createGenerator("cuda")).toThrow(/^createGenerator: there is no CUDA device.{0,50}$/);
    expect(() => call("ones", [1], null, null, "cuda:0")).toThrow(/^aten::ones: argument 'device' .*no CUDA device/);
    expect(() => native.synchronize("cuda")).toThrow(/no CUDA device/);
  });

  test("a damaged generator state is refused", () => {
    expect(() => setRandomState(new Uint8Array(10))).toThrow(/setGeneratorState: /);
  });
});

describe("JavaScript that runs while arguments are read", () => {
  test("may look up operators and dispose of tensors", () => {
    const names = [
      "sin",
      "cos",
      "tan",
      "asin",
      "acos",
      "atan",
      "sinh",
      "cosh",
      "asinh",
      "acosh",
      "atanh",
      "erf",
      "erfc",
    ];
    const x = Tensor.from([1, 2, 3, 4]);
    const shape = withGetter(() => {
      for (const name of names) native.findOperator(`aten::${name}`, "");
      x.dispose();
      return 2;
    }, [2]);
    const result = new Tensor(call("reshape", x.handle, shape));
    expect(result.toNumbers()).toEqual([1, 2, 3, 4]);
    expect(result.shape).toEqual([2, 2]);
  });

  test("may throw, and its own error arrives", () => {
    const shape = withGetter(() => {
      throw new RangeError("from the getter");
    });
    expect(() => call("zeros", shape)).toThrow(new RangeError("from the getter"));
  });
});

describe("long lists", () => {
  test("ten thousands of tensors come out of one operator and go into another", () => {
    tidy(() => {
      const rows = ones([50_000, 2]).unbind();
      expect(rows.length).toBe(50_000);
      expect(cat(rows).sum().item()).toBe(100_000);
    });
  });

  test("a failed call leaves no tensor behind", () => {
    const x = Tensor.from([1]);
    const before = memoryFigures().tensors;
    expect(() => call("cat", [x.handle, x.handle, -1])).toThrow(/'tensors'/);
    expect(memoryFigures().tensors).toBe(before);
  });
});

describe("gradients", () => {
  test("go through a graph of 100,000 nodes, which is freed without deep recursion", () => {
    const x = Tensor.from([1, 2]).setRequiresGrad(true);
    tidy(() => deep(x).backward());
    expect(x.grad?.toNumbers()).toEqual([1, 1]);
    deep(x).dispose();
    expect(x.add(1).toNumbers()).toEqual([2, 3]);
  });

  test("a gradient that does not fit is refused", () => {
    const x = Tensor.from([1, 2]).setRequiresGrad(true);
    const set = (gradient: Tensor) => (): void => native.setGrad(x.handle, gradient.handle);
    expect(set(Tensor.from([1, 2, 3]))).toThrow(/expected \[2\] float32 on cpu, got \[3\] float32 on cpu/);
    expect(set(Tensor.from([1, 2], [2], "float64"))).toThrow(/got \[2\] float64/);
    expect(set(x)).toThrow(/cannot be its own gradient/);
    set(Tensor.from([3, 4]))();
    expect(x.grad?.toNumbers()).toEqual([3, 4]);
  });
});

describe("memory", () => {
  test("a storage counts once, for as long as any tensor of it is held", () => {
    const before = memoryFigures().bytes;
    const x = ones([256]);
    const view = x.view([16, 16]);
    // A tensor that autograd keeps for its backward pass is held by two.
    const saved = ones([256]).setRequiresGrad(true).exp();
    expect(memoryFigures().bytes - before).toBe(3 * 1024);
    x.dispose();
    expect(memoryFigures().bytes - before).toBe(3 * 1024);
    view.dispose();
    expect(memoryFigures().bytes - before).toBe(2 * 1024);
    saved.dispose();
    expect(memoryFigures().bytes - before).toBe(1024);
  });

  test("V8 knows how large tensors are, and collects forgotten ones before they pile up", async () => {
    const before = memoryFigures().bytes;
    let most = 0;
    for (let i = 0; i < 200; i += 1) {
      // Never written to, so that the system gives no real memory for it.
      const { shape } = new Tensor(call("empty.memory_format", [64 * 2 ** 20], "uint8"));
      expect(shape).toEqual([64 * 2 ** 20]);
      await setImmediate();
      most = Math.max(most, memoryFigures().bytes - before);
    }
    // 12.8 GB in all; when the collector runs is its own affair, but it has to run.
    expect(most).toBeLessThan(6e9);
  });

  test("200,000 tensors that nobody disposes of are collected", async () => {
    setFlagsFromString("--expose-gc");
    const collect: unknown = runInNewContext("gc");
    if (typeof collect !== "function") throw new TypeError("this V8 has no gc()");
    const before = memoryFigures().tensors;
    const x = Tensor.from([1, 2]);
    for (let i = 0; i < 200_000; i += 1) x.add(1);
    for (let i = 0; i < 50 && memoryFigures().tensors > before + 1; i += 1) {
      collect();
      await setImmediate();
    }
    expect(memoryFigures().tensors).toBeLessThanOrEqual(before + 1);
    expect(x.toNumbers()).toEqual([1, 2]);
  });
});
