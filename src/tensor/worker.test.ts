import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { randn } from "./functions.generated.ts";
import { native, nativePath } from "./native.ts";
import { Generator } from "./random.ts";
import { Tensor } from "./tensor.ts";

// Plain JavaScript on the add-on's own functions: a worker has no compiler for TypeScript.
const PRELUDE = `
const { parentPort, workerData } = require("node:worker_threads");
const native = require(workerData.path);
const call = (name, ...args) => native.call(native.findOperator("aten::" + name.split(".")[0], name.split(".")[1] ?? ""), ...args);
const numbers = (handle) => Array.from(new Float32Array(native.toBytes(handle)));
`;

function start(code: string, data: object = {}): Worker {
  return new Worker(PRELUDE + code, { eval: true, workerData: { path: nativePath(), ...data } });
}

async function firstMessage(worker: Worker): Promise<unknown> {
  const [message]: unknown[] = await once(worker, "message");
  return message;
}

async function resultOf(worker: Worker): Promise<unknown> {
  const [message] = await Promise.all([firstMessage(worker), once(worker, "exit")]);
  return message;
}

test("two workers compute at once, each with its own handles, gradient mode and generator", async () => {
  const code = `
    native.setGradEnabled(workerData.record);
    const generator = native.createGenerator("cpu");
    native.seedGenerator(generator, 7);
    const random = numbers(call("randn.generator", [4], generator));
    const x = call("full", [64, 64], 0.5, "float32");
    native.setRequiresGrad(x, true);
    const seen = new Set();
    let records;
    for (let i = 0; i < 300; i++) {
      const product = call("matmul", x, x);
      const sum = call("sum", product);
      seen.add(numbers(sum)[0]);
      records = native.requiresGrad(sum);
      if (workerData.record) native.backward(sum, false);
      native.release(product);
      native.release(sum);
    }
    const gradient = native.gradOf(x);
    const first = gradient === null ? null : numbers(gradient)[0];
    parentPort.postMessage({ sums: [...seen], records, first, random, live: native.memory()[0] });
  `;
  const [recording, plain] = await Promise.all([
    resultOf(start(code, { record: true })),
    resultOf(start(code, { record: false })),
  ]);
  // 64 x 64 products of 64 quarters; the sum's gradient is 64 from either side of the product, 300 times over.
  const random = randn([4], { generator: new Generator(7) }).toNumbers();
  expect(recording).toEqual({ sums: [65536], records: true, first: 300 * 64, random, live: 3 });
  expect(plain).toEqual({ sums: [65536], records: false, first: null, random, live: 2 });
});

test("a handle of another thread is refused", async () => {
  const worker = start(
    `
    const mine = call("ones", [2]);
    let answer;
    try { answer = native.shape(workerData.theirs); } catch (error) { answer = error.message; }
    parentPort.postMessage({ mine, answer });
  `,
    { theirs: Tensor.from([1, 2]).handle },
  );
  expect(await resultOf(worker)).toEqual({
    mine: expect.any(Number),
    answer: "shape: the tensor belongs to another thread; send its values instead",
  });
  const other = start(`parentPort.postMessage(call("ones", [2]));`);
  const handle = Number(await resultOf(other));
  expect(() => native.shape(handle)).toThrow(/belongs to another thread/);
  expect(() => native.release(handle)).not.toThrow();
});

test("an error in a worker is an exception there and leaves this thread alone", async () => {
  const worker = start(`call("matmul", call("ones", [2, 3]), call("ones", [2, 3]));`);
  const [error]: unknown[] = await once(worker, "error");
  expect(error).toMatchObject({ code: "ERR_CLIP_GEN_ENGINE", message: expect.stringContaining("aten::matmul") });
  expect(Tensor.from([1, 2]).sum().item()).toBe(3);
});

test("workers that are terminated in the middle of their work leave no memory behind", async () => {
  // Each holds 48 MB, part of it by a graph, and goes on computing until it is stopped.
  const code = `
    const held = Array.from({ length: 10 }, () => call("ones", [1024, 1024]));
    const leaf = held[0];
    native.setRequiresGrad(leaf, true);
    const graph = [call("exp", leaf), call("exp", leaf)];
    parentPort.postMessage("ready");
    for (;;) native.release(call("matmul", held[1], held[2]));
  `;
  const stopOne = async (): Promise<void> => {
    const worker = start(code);
    expect(await firstMessage(worker)).toBe("ready");
    await worker.terminate();
  };
  await stopOne();
  const before = process.memoryUsage.rss();
  for (let i = 0; i < 8; i += 1) await stopOne();
  expect(process.memoryUsage.rss() - before).toBeLessThan(150e6);
  expect(
    Tensor.from([1, 2])
      .mul(Tensor.from([3, 4]))
      .toNumbers(),
  ).toEqual([3, 8]);
});
