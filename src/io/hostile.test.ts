import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { code, extension, flaxArray, flaxChunks, pack, type Packed, tree } from "../../test/msgpack-files.ts";
import {
  call,
  dict,
  named,
  object,
  operations,
  pickle,
  type Pickled,
  storage,
  tensor,
  torchLegacy,
  torchZip,
  torchZipFiles,
  zip,
} from "../../test/torch-files.ts";
import { openWeights } from "./weights-file.ts";
import { readWeight } from "./weight.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "hostile-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// Far more than any of these files needs: it only tells a hang.
const MAX_MILLISECONDS = 5000;

/** Opens the file and reads all its tensors; gives the error's message, or null where there is none. */
function refusal(name: string, bytes: Uint8Array): string | null {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  const before = process.memoryUsage().arrayBuffers;
  const start = performance.now();
  try {
    for (const [tensorName, weight] of openWeights(path).weights) readWeight(tensorName, weight);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : "no error";
  } finally {
    expect(performance.now() - start).toBeLessThan(MAX_MILLISECONDS);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(bytes.byteLength * 4 + 2 ** 26);
  }
}

function expectRefused(name: string, bytes: Uint8Array, reason: RegExp): void {
  const message = refusal(name, bytes);
  expect(message).toMatch(/^\P{Cc}{1,1100}$/u);
  expect(message).toMatch(reason);
}

const binary = (text: string): Buffer => Buffer.from(text, "latin1");
const raw = (text: string) => (): Buffer => binary(text);
const data = new Uint8Array(Float32Array.from({ length: 64 }, (_, index) => index).buffer);
const w = tensor(storage("0", 64), { shape: [8, 8], strides: [8, 1] });

function safetensors(header: unknown, length: number | bigint | null = null): Buffer {
  const json = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const head = Buffer.alloc(8);
  head.writeBigUInt64LE(BigInt(length ?? json.byteLength));
  return Buffer.concat([head, json, data]);
}
const whole = { w: { dtype: "F32", shape: [8, 8], data_offsets: [0, 256] } };
const array = flaxArray([8, 8], "float32", data);

const valid: Record<string, [string, Buffer]> = {
  safetensors: ["m.safetensors", safetensors(whole)],
  "a torch archive": ["m.pt", torchZip(dict({ state_dict: dict({ w }) }), { "0": data })],
  "a deflated torch archive": ["m.pt", torchZip(dict({ w }), { "0": data }, { deflate: true })],
  "a zip64 torch archive": ["m.pt", torchZip(dict({ w }), { "0": data }, { zip64: true })],
  "a TorchScript archive": [
    "m.pt",
    zip({
      ...torchZipFiles(pickle(object("__torch__.a Net", dict({ w }))), { "0": data }),
      "archive/constants.pkl": pickle([]),
    }),
  ],
  "an old torch file": ["m.pt", torchLegacy(dict({ w }), { "0": data })],
  "a flax file": ["m.msgpack", pack(tree({ params: tree({ w: array }), v: flaxChunks([2, 64], [array, array]) }))],
};

describe("files that were cut short", () => {
  test.each(Object.entries(valid))("%s, at every hundredth of its length", (_, [name, bytes]) => {
    expect(refusal(name, bytes)).toBeNull();
    for (let part = 0; part < 100; part += 1) {
      expectRefused(name, bytes.subarray(0, Math.floor((bytes.byteLength * part) / 100)), /./);
    }
    expectRefused(name, bytes.subarray(0, bytes.byteLength - 1), /./);
  });
});

describe("safetensors files that lie", () => {
  const entry = (more: object): object => ({ w: { ...whole.w, ...more } });
  test.each<[string, Buffer, RegExp]>([
    ["a header of 50 megabytes", safetensors(whole, 50_000_000), /cut short/],
    ["a header of 4 gigabytes", safetensors(whole, 2 ** 32), /announce a header of 4294967296 bytes/],
    ["a header of 2^64 bytes", safetensors(whole, 2n ** 64n - 1n), /announce a header/],
    ["a tensor of petabytes", safetensors(entry({ shape: [2 ** 48], data_offsets: [0, 2 ** 50] })), /cut short/],
    ["a shape of more than 2^53 elements", safetensors(entry({ shape: [2 ** 40, 2 ** 40] })), /2\^53/],
    ["a tensor beyond the end", safetensors(entry({ data_offsets: [256, 512] })), /starts at byte 256/],
    ["one range for two tensors", safetensors({ ...whole, v: whole.w }), /starts at byte 0/],
    ["a name with line breaks", safetensors({ "a\n\u001b[2Jb": { dtype: "F32", shape: [8] } }), /damaged/],
    ["a name of a megabyte", safetensors({ ["a".repeat(1e6)]: { dtype: "F32", shape: [8] } }), /damaged/],
    ["a shape of a hundred thousand axes", safetensors(entry({ shape: Array<number>(1e5).fill(1) })), /100000 axes/],
    ["a hundred thousand brackets", safetensors("[".repeat(1e5)), /./],
  ])("%s", (_, bytes, reason) => {
    expectRefused("m.safetensors", bytes, reason);
  });
});

describe("pickles that lie", () => {
  const cycle = raw("}q\u0001X\u0001\0\0\0ah\u0001s");
  const listCycle = raw("]q\u0001h\u0001a");
  const nested = (open: string, close: string, count: number): Pickled => raw(open.repeat(count) + close.repeat(count));
  let chain: Pickled = dict({ w });
  for (let level = 0; level < 500; level += 1) chain = dict({ a: chain });
  // A tuple with a hundred thousand entries, and calls that take it as their arguments again and again.
  const longTuple = `(${"N".repeat(100_000)}tq\u0001`;
  const calls = (operation: string): string =>
    `cx\ny\nq\u0002${longTuple}${`h\u0002h\u0001${operation}0`.repeat(2000)}0`;
  const shape = `(${"K\u0001".repeat(50_000)}tq\u0001`;

  test.each<[string, Pickled, RegExp]>([
    ["a dict that holds itself", cycle, /no weights found/],
    ["a list that holds itself", listCycle, /no weights found/],
    ["a hundred thousand marks", nested("(", "t", 100_000), /nests deeper/],
    ["dicts five hundred deep", chain, /no weights found/],
    ["lists a hundred thousand deep", raw("]".repeat(1e5) + "a".repeat(1e5 - 1)), /no weights found/],
    ["calls that repeat their long arguments", raw(calls("R")), /more than \d+ operations/],
    ["objects that copy their long arguments", raw(calls("}\u0092")), /more than \d+ operations/],
    ["dicts without end", raw("}".repeat(2e6)), /more than \d+ operations/],
    [
      "a tensor with fifty thousand axes",
      dict({
        w: call("torch._utils _rebuild_tensor_v2", storage("0", 64), 0, raw(shape), raw("h\u0001"), false, null),
      }),
      /50000 axes/,
    ],
    [
      "a storage of 2^31 elements",
      dict({ w: tensor(storage("0", 2 ** 31 - 1), { shape: [1], strides: [1] }) }),
      /has 256/,
    ],
    ["a storage of less than none", dict({ w: tensor(storage("0", -1), { shape: [1], strides: [1] }) }), /-1 elements/],
    ["a tensor beyond its storage", dict({ w: tensor(storage("0", 64), { shape: [65], strides: [1] }) }), /reaches to/],
    [
      "one number repeated to gigabytes",
      dict({ w: tensor(storage("0", 64), { shape: [2 ** 30], strides: [0] }) }),
      /trap/,
    ],
    [
      "many names for repeated numbers",
      dict(
        Object.fromEntries(
          Array.from({ length: 100 }, (_, index) => [
            `w${index}`,
            tensor(storage("0", 64), { shape: [10, 25_000], strides: [0, 0] }),
          ]),
        ),
      ),
      /refused as a trap/,
    ],
    [
      "a name with line breaks",
      dict({ "a\n\u001b[2J": tensor(storage("0", 64), { shape: [65], strides: [1] }) }),
      /damaged/,
    ],
    ["keys with line breaks", dict({ "a\n\u001b[2J": 1 }), /no weights found/],
    ["a class with a long name", call(`a ${"b".repeat(60_000)}`), /no weights found/],
    ["a text of 4 gigabytes", raw("X\u00ff\u00ff\u00ff\u00ff"), /pickle/],
    ["bytes of 2^63", raw("\u008e\0\0\0\0\0\0\0\u0080"), /pickle/],
  ])("%s", (_, value, reason) => {
    expectRefused("m.pt", torchZip(value, { "0": data }), reason);
  });

  test("a name with a hundred thousand prefixes is a name", () => {
    expect(refusal("m.pt", torchZip(dict({ ["module.".repeat(100_000)]: w }), { "0": data }))).toBeNull();
  });

  test("modules whose names together would fill the memory", () => {
    // The key of a megabyte stands in the file once, and every name below would repeat it.
    const key = "a".repeat(1e6);
    const leaves = dict(Object.fromEntries(Array.from({ length: 2000 }, (_, index) => [`w${index}`, w])));
    expectRefused(
      "m.pt",
      torchZip(object("__torch__.a M", dict({ [key]: object("__torch__.b M", leaves) })), { "0": data }),
      /trap/,
    );
  });
});

describe("pickles that call", () => {
  const attacks: [string, (command: string) => Pickled][] = [
    ["os.system", (command) => call("os system", command)],
    ["posix.system", (command) => call("posix system", command)],
    ["nt.system", (command) => call("nt system", command)],
    ["subprocess.Popen", (command) => call("subprocess Popen", command, 0, null, null, null, null, null, false, true)],
    ["builtins.eval", (command) => call("builtins eval", `__import__("os").system("${command}")`)],
    ["builtins.exec", (command) => call("__builtin__ exec", `import os; os.system("${command}")`)],
    ["JavaScript's names", (command) => call("child_process execSync", command)],
    ["the constructor of functions", (command) => call("constructor constructor", command)],
    ["getattr", (command) => call("builtins getattr", call("builtins __import__", "os"), command)],
    ["a class's state", (command) => object("os system", dict({ args: command }))],
    ["INST", (command) => (): Buffer => Buffer.concat([binary("("), operations(command), binary("ios\nsystem\n")])],
    [
      "OBJ",
      (command) => (): Buffer =>
        Buffer.concat([binary("("), operations(named("os system")), operations(command), binary("o")]),
    ],
    [
      "STACK_GLOBAL",
      (command) => (): Buffer =>
        Buffer.concat([
          operations("os"),
          operations("system"),
          binary("\u0093"),
          operations(command),
          binary("\u0085R"),
        ]),
    ],
    [
      "a storage's class",
      (command) =>
        tensor(
          (): Buffer =>
            Buffer.concat([operations(["storage", call("os system", command), "0", "cpu", 64]), binary("Q")]),
          { shape: [1], strides: [1] },
        ),
    ],
    [
      "a tensor's hooks",
      (command) =>
        call("torch._utils _rebuild_tensor_v2", storage("0", 64), 0, [1], [1], false, call("os system", command)),
    ],
    [
      "a tensor's class",
      (command) => call("torch._tensor _rebuild_from_type_v2", named("os system"), named("x T"), [command], null),
    ],
  ];

  test.each(attacks)("%s: nothing is called", (_, attack) => {
    const marker = join(folder, "marker");
    const value = dict({ state_dict: dict({ w }), x: attack(`touch ${marker}`) });
    for (const bytes of [torchZip(value, { "0": data }), torchLegacy(value, { "0": data })]) {
      const message = refusal("m.pt", bytes);
      // The weights beside it are read, but where it stands for a part of a tensor.
      if (message !== null) expect(message).toMatch(/^[^\n]*the pickle is damaged[^\n]*$/);
      expect(existsSync(marker)).toBe(false);
    }
    // As the whole of the file it is no set of weights.
    expectRefused("m.pt", torchZip(attack(`touch ${marker}`), { "0": data }), /no weights found|damaged/);
    expect(existsSync(marker)).toBe(false);
  });
});

const view = (offset: number, length: number): Pickled =>
  tensor(storage("0", 64, { more: [["view", offset, length]] }), { shape: [1], strides: [1] });

describe("old torch files that lie", () => {
  const start = torchLegacy(dict({ w }), { "0": data });
  const count = start.byteLength - data.byteLength - 8;

  test.each([0n, 63n, 65n, 2n ** 31n, 2n ** 61n, 2n ** 63n - 1n, -1n, -64n])("a storage of %s elements", (elements) => {
    const bytes = Buffer.from(start);
    bytes.writeBigInt64LE(elements, count);
    expectRefused("m.pt", bytes, /the storage 0 has -?\d+ elements/);
  });

  test("a tensor that claims gigabytes, and one of another type than its storage", () => {
    const huge = tensor(storage("0", 2 ** 31 - 1), { shape: [2 ** 31 - 1], strides: [1] });
    expectRefused("m.pt", torchLegacy(dict({ w: huge }), { "0": data }), /has 64 elements/);
    const wide = tensor(storage("0", 64, { type: "DoubleStorage" }), { shape: [64], strides: [1] });
    expectRefused("m.pt", torchLegacy(dict({ w: wide }), { "0": data }), /cut short/);
  });

  test("storages that are missing, there twice, or used by nobody", () => {
    expectRefused("m.pt", torchLegacy(dict({ w }), {}), /storage 0 is missing/);
    expectRefused("m.pt", torchLegacy(dict({ w }), { "0": data, "1": data }), /names 1, which no tensor uses/);
    const twice = Buffer.from(
      start.toString("latin1").replace("(X\u0001\0\0\x000t.", "(X\u0001\0\0\x000X\u0001\0\0\x000t."),
      "latin1",
    );
    expectRefused("m.pt", twice, /names 0, which no tensor uses/);
  });

  test("views that reach beyond their storage, and very many views of one", () => {
    for (const [offset, length] of [
      [-1, 2],
      [63, 2],
      [0, 65],
      [2 ** 31 - 1, 1],
    ] as const) {
      expectRefused("m.pt", torchLegacy(dict({ w: view(offset, length) }), { "0": data }), /reaches beyond it/);
    }
    // Each view is a storage of its own, but the file holds its bytes once.
    const large = new Uint8Array(2 ** 22);
    const views = Array.from({ length: 30 }, (_, index) => [
      `w${index}`,
      tensor(storage("0", 2 ** 20, { more: [["view", 0, 2 ** 20]] }), { shape: [2 ** 20], strides: [1] }),
    ]);
    expectRefused("m.pt", torchLegacy(dict(Object.fromEntries(views)), { "0": large }), /refused as a trap/);
  });
});

describe("flax files that lie", () => {
  test.each<[string, Packed, RegExp]>([
    [
      "arrays of 2^32 entries in each other",
      tree({ a: () => Buffer.concat(Array<Buffer>(60).fill(code(0xdd, 2 ** 32 - 1, 4))) }),
      /cut short/,
    ],
    ["a map of 2^32 entries", () => code(0xdf, 2 ** 32 - 1, 4), /cut short/],
    ["bytes of 4 gigabytes", tree({ a: () => code(0xc6, 2 ** 32 - 1, 4) }), /cut short/],
    ["maps nested a million deep", () => Buffer.concat([binary("\u0081\u00a1a".repeat(1e6))]), /nest deeper/],
    ["a shape of petabytes", tree({ a: flaxArray([2 ** 31, 2 ** 19], "float32", data) }), /does not take 256 bytes/],
    ["an unknown type in petabytes", tree({ a: flaxArray([2 ** 31, 2 ** 19], "x\n", data) }), /element type x\\u000a/],
    [
      "an array that reaches beyond its extension",
      tree({ a: extension(1, Buffer.concat([binary("\u0093\u0091\u0040\u00a5uint8"), code(0xc6, 64, 4)])), b: array }),
      /cut short/,
    ],
    [
      "names that repeat a long one",
      tree({ ["a".repeat(1e5)]: tree({ b: array, c: array }) }),
      /name has 100000 characters/,
    ],
  ])("%s", (_, value, reason) => {
    expectRefused("m.msgpack", pack(value), reason);
  });
});
