import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
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
  zip,
} from "../../test/torch-files.ts";
import { SafetensorsFile } from "./safetensors.ts";
import { findStateTensors } from "./state-dict.ts";
import { readTorchArchive } from "./torch-archive.ts";
import type { StoredTensor } from "./stored-tensor.ts";
import type { TorchValue } from "./torch-pickle.ts";
import { readWeight } from "./weight.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "torch-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let count = 0;
function save(bytes: Uint8Array): string {
  count += 1;
  const path = join(folder, `${count}.pt`);
  writeFileSync(path, bytes);
  return path;
}

const readAll = (value: TorchValue): Map<string, StoredTensor> =>
  new Map([...findStateTensors(value)].map(([name, weight]) => [name, readWeight(name, weight)]));
const load = (path: string): Map<string, StoredTensor> => readAll(readTorchArchive(path));
const floats = (...values: number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);
const numbers = (found: Map<string, StoredTensor>, name: string): number[] => [
  ...new Float32Array(found.get(name)?.data.buffer ?? new ArrayBuffer(0)),
];
const six = floats(0, 1, 2, 3, 4, 5);
const matrix = tensor(storage("0", 6), { shape: [2, 3], strides: [3, 1] });
const scalar = tensor(storage("0", 6), { shape: [], strides: [], offset: 5 });

describe("torch archives", () => {
  test.each([{}, { deflate: true }, { zip64: true }])("a zip archive is read, options %o", (options) => {
    const found = load(save(torchZip(dict({ w: matrix, b: scalar }), { "0": six }, options)));
    expect([...found.keys()]).toEqual(["w", "b"]);
    expect(found.get("w")).toEqual({ dtype: "float32", shape: [2, 3], data: six });
    expect(numbers(found, "b")).toEqual([5]);
  });

  test("the old format is read, also where one storage is a view of another", () => {
    const part = storage("a", 6, { more: [["a-view", 2, 3]] });
    const view = tensor(part, { shape: [3], strides: [1] });
    const whole = tensor(storage("a", 6, { more: [null] }), { shape: [6], strides: [1] });
    const other = tensor(storage("b", 1, { more: [null] }), { shape: [1], strides: [1] });
    const found = load(save(torchLegacy(dict({ whole, view, other }), { a: six, b: floats(9) })));
    expect(numbers(found, "whole")).toEqual([0, 1, 2, 3, 4, 5]);
    expect(numbers(found, "view")).toEqual([2, 3, 4]);
    expect(numbers(found, "other")).toEqual([9]);
  });

  test("views with strides are made contiguous, at every element size", () => {
    for (const [type, size] of [
      ["ByteStorage", 1],
      ["HalfStorage", 2],
      ["FloatStorage", 4],
      ["LongStorage", 8],
    ] as const) {
      const data = Uint8Array.from({ length: 24 * size }, (_, index) => index);
      const of = storage("0", 24, { type });
      const value = dict({
        transposed: tensor(of, { shape: [4, 3, 2], strides: [1, 4, 12] }),
        column: tensor(of, { shape: [3], strides: [4], offset: 2 }),
        repeated: tensor(of, { shape: [2, 2], strides: [0, 1], offset: 22 }),
        single: tensor(of, { shape: [1, 2], strides: [99, 1], offset: 22 }),
        empty: tensor(of, { shape: [2, 0], strides: [1, 1] }),
      });
      const found = load(save(torchZip(value, { "0": data })));
      const at = (element: number): number[] => [...data.subarray(element * size, (element + 1) * size)];
      const transposed = [];
      for (let i = 0; i < 4; i += 1) {
        for (let j = 0; j < 3; j += 1) for (let k = 0; k < 2; k += 1) transposed.push(...at(i + 4 * j + 12 * k));
      }
      expect([...(found.get("transposed")?.data ?? [])]).toEqual(transposed);
      expect([...(found.get("column")?.data ?? [])]).toEqual([2, 6, 10].flatMap(at));
      expect([...(found.get("repeated")?.data ?? [])]).toEqual([22, 23, 22, 23].flatMap(at));
      expect([...(found.get("single")?.data ?? [])]).toEqual([22, 23].flatMap(at));
      expect(found.get("empty")).toMatchObject({ shape: [2, 0], data: new Uint8Array() });
    }
  });

  test("parameters and tensors with attributes are the tensors within", () => {
    const hooks = call("collections OrderedDict");
    const parameter = call("torch._utils _rebuild_parameter", matrix, true, hooks);
    const inner = [storage("0", 6), 0, [6], [1], false, hooks];
    const typed = call(
      "torch._tensor _rebuild_from_type_v2",
      named("torch._utils _rebuild_tensor_v2"),
      named("torch T"),
      inner,
      null,
    );
    const found = load(save(torchZip(dict({ parameter, typed }), { "0": six })));
    expect(found.get("parameter")?.shape).toEqual([2, 3]);
    expect(found.get("typed")?.shape).toEqual([6]);
  });

  test("an unknown element type fails only when its tensor is read", () => {
    const odd = tensor(storage("1", 2, { type: "ComplexFloatStorage" }), { shape: [2], strides: [1] });
    const value = readTorchArchive(save(torchZip(dict({ w: matrix, odd }), { "0": six, "1": new Uint8Array(16) })));
    expect(findStateTensors(value).get("odd")).toMatchObject({ dtype: null, dtypeName: "torch.ComplexFloatStorage" });
    expect(() => readAll(value)).toThrow(/odd has the element type torch\.ComplexFloatStorage/);
  });

  test("what the file would run is kept as words beside the weights", () => {
    const value = readTorchArchive(
      save(torchZip(dict({ state_dict: dict({ w: matrix }), x: call("os system", "rm") }), { "0": six })),
    );
    expect(value instanceof Map && value.get("x")).toMatchObject({ kind: "object", name: "os.system", args: ["rm"] });
    expect([...readAll(value).keys()]).toEqual(["w"]);
  });

  test("a file cut short anywhere gives an error that names it", () => {
    for (const bytes of [
      torchZip(dict({ w: matrix }), { "0": six }),
      torchLegacy(dict({ w: tensor(storage("0", 6), { shape: [6], strides: [1] }) }), { "0": six }),
    ]) {
      expect(load(save(bytes)).size).toBe(1);
      for (let length = 0; length < bytes.byteLength; length += 3) {
        const path = save(bytes.subarray(0, length));
        expect(() => load(path)).toThrow(path);
        rmSync(path);
      }
    }
  });

  test("tensors that reach beyond their storage or repeat it to a huge size are refused", () => {
    const bad = [
      { shape: [7], strides: [1] },
      { shape: [6], strides: [1], offset: 1 },
      { shape: [2, 2], strides: [5, 1], offset: 0 },
      { shape: [2 ** 30, 2 ** 30], strides: [0, 0] },
      { shape: [2 ** 30], strides: [0] },
      { shape: [2, 2], strides: [1] },
      { shape: [2], strides: [1], offset: -1 },
    ];
    for (const view of bad) {
      const path = save(torchZip(dict({ w: tensor(storage("0", 6), view) }), { "0": six }));
      expect(() => load(path)).toThrow(/tensor w|shape|trap/);
    }
    const copies = dict(
      Object.fromEntries(
        Array.from({ length: 3000 }, (_, index) => [
          `w${index}`,
          tensor(storage("0", 6), { shape: [25_000], strides: [0] }),
        ]),
      ),
    );
    expect(() => load(save(torchZip(copies, { "0": six })))).toThrow(/refused/);
  });

  test("missing and short storages, and strange ids, are named", () => {
    const value = dict({ w: matrix });
    expect(() => load(save(torchZip(value, {})))).toThrow(/storage archive\/data\/0 is missing/);
    expect(() => load(save(torchZip(value, { "0": six.subarray(4) })))).toThrow(/has 20 bytes, expected 24/);
    expect(() =>
      load(save(torchZip(dict({ w: tensor(storage("../version", 6), { shape: [1], strides: [1] }) }), {}))),
    ).toThrow(/missing/);
    expect(() => load(save(torchZip(dict({ w: tensor(3, { shape: [1], strides: [1] }) }), {})))).toThrow(/no storage/);
  });

  test("other files are told apart", () => {
    expect(() => readTorchArchive(save(Buffer.from("version https://git-lfs.github.com/spec/v1")))).toThrow(/git-lfs/);
    expect(() => readTorchArchive(save(Buffer.from("<!DOCTYPE html>")))).toThrow(/web page/);
    expect(() => readTorchArchive(save(Buffer.from("")))).toThrow(/not a torch file/);
    expect(() => readTorchArchive(save(zip({ "a.txt": six })))).toThrow(/not from torch/);
    expect(() => readTorchArchive(save(pickle(1)))).toThrow(/not from torch\.save/);
    const big = zip({ "a/data.pkl": pickle(dict({})), "a/byteorder": Buffer.from("big") });
    expect(() => readTorchArchive(save(big))).toThrow(/byte order big/);
  });

  test("a damaged pickle in an archive is found by its checksum", () => {
    const bytes = torchZip(dict({ weight: matrix }), { "0": six });
    bytes[bytes.indexOf("weight")] = 0x57;
    expect(() => load(save(bytes))).toThrow(/checksum/);
  });

  test("a file that was replaced after it was opened is not mixed with the new one", () => {
    const path = save(torchZip(dict({ w: matrix }), { "0": six }));
    const value = readTorchArchive(path);
    writeFileSync(path, torchZip(dict({ w: matrix, b: scalar }), { "0": six }));
    expect(() => readAll(value)).toThrow(/was changed/);
  });
});

const names = (value: Pickled): string[] => [...load(save(torchZip(value, { "0": six }))).keys()];

describe("finding the state dict", () => {
  test("it is found under the names that trainers use, not among the optimizer's averages", () => {
    const optimizer = dict({ state: new Map([[0, dict({ exp_avg: matrix })]]) });
    for (const key of ["state_dict", "model", "generator", "my_net"]) {
      expect(names(dict({ epoch: 3, optimizer, loss: 1, [key]: dict({ w: matrix, note: "x" }) }))).toEqual(["w"]);
    }
    expect(names(dict({ checkpoint: dict({ model: dict({ w: matrix }) }), best: scalar }))).toEqual(["best"]);
    expect(names(dict({ state_dict: dict({ w: matrix }), best: scalar }))).toEqual(["w"]);
  });

  test("several sets, none, and endless nesting are errors", () => {
    const one = dict({ w: matrix });
    expect(() => names(dict({ g: one, d: dict({ w: scalar }) }))).toThrow(/several sets.*g \(1 tensors\), d \(1/);
    expect(() => names(dict({ epoch: 1, lr: 2 }))).toThrow(/no weights found: the file holds epoch, lr/);
    expect(() => names(call("os system", "x"))).toThrow(/class os\.system/);
    expect(() => names(7)).toThrow(/the value 7/);
  });

  test("wrappers' prefixes go only where every name has them", () => {
    expect(names(dict({ "module._orig_mod.a.w": matrix, "module._orig_mod.b": scalar }))).toEqual(["a.w", "b"]);
    expect(names(dict({ "module.a": matrix, b: scalar }))).toEqual(["module.a", "b"]);
  });

  test("a whole pickled module gives dotted names, children that are None aside", () => {
    const child = object(
      "x.y Child",
      dict({ _parameters: dict({ weight: matrix, bias: null }), _buffers: dict({}), _modules: dict({}) }),
    );
    const attributes = {
      _parameters: dict({ p: scalar }),
      _buffers: dict({ mean: scalar }),
      _modules: dict({ "0": child, none: null }),
    };
    expect(names(object("x.y Net", dict(attributes)))).toEqual(["p", "mean", "0.weight"]);
    expect(names(dict({ model: object("x.y Net", dict(attributes)) }))).toEqual(["p", "mean", "0.weight"]);
  });

  test("modules that share modules without end are refused in time", () => {
    // Each level holds the one below twice, by way of the pickle's memo: 2^40 paths in a few kilobytes.
    let module: Pickled = object("__torch__.a M", dict({ training: true }));
    for (let level = 0; level < 40; level += 1) {
      const [inner, index] = [module, Buffer.from([level])];
      const first = (): Buffer => Buffer.concat([operations(inner), Buffer.from("q"), index]);
      const second = (): Buffer => Buffer.concat([Buffer.from("h"), index]);
      module = object("__torch__.a M", dict({ first, second }));
    }
    expect(() => names(module)).toThrow(/refused as a trap/);
  });
});

const golden = fileURLToPath(new URL("../../../shared/golden/", import.meta.url));

const at = (path: string): Map<string, StoredTensor> => load(join(golden, path));

/** Short enough to compare: comparing large arrays element by element takes seconds. */
function digest(stored: StoredTensor | undefined): string {
  if (stored === undefined) return "missing";
  return `${stored.dtype} [${stored.shape.join()}] ${createHash("sha256").update(stored.data).digest("hex")}`;
}

describe.skipIf(!existsSync(golden))("published containers (needs ../shared/golden)", () => {
  test("the published GPT has the same bytes as its safetensors twin", () => {
    const found = at("clipgen-gpt/gpt.pt");
    const file = new SafetensorsFile(join(golden, "clipgen-gpt/gpt.safetensors"));
    expect([...found.keys()].toSorted()).toEqual(file.names.toSorted());
    for (const [name, value] of found) expect(digest(file.read(name))).toBe(digest(value));
  });

  test("a TorchScript archive has the tensors of the state dict, and three scalars", () => {
    const script = at("clip-vit/fp16/model_jit.pt");
    const state = at("clip-vit/fp16/model_fp16.pt");
    const scalars = ["input_resolution", "context_length", "vocab_size"];
    expect([...script.keys()].toSorted()).toEqual([...state.keys(), ...scalars].toSorted());
    for (const [name, value] of state) expect(digest(script.get(name))).toBe(digest(value));
    expect(script.get("context_length")).toMatchObject({
      dtype: "int64",
      shape: [],
      data: Uint8Array.of(77, 0, 0, 0, 0, 0, 0, 0),
    });
    expect(state.get("visual.conv1.weight")?.dtype).toBe("float16");
  });

  test("a TorchScript archive has the tensors of open_clip's safetensors", () => {
    const script = at("clip-vit/b/model_jit.pt");
    const file = new SafetensorsFile(join(golden, "clip-vit/b/open_clip_custom_text.safetensors"));
    expect(file.names).toHaveLength(script.size - 3);
    for (const name of file.names)
      expect(digest(script.get(name.replace(/^text\./, "")))).toBe(digest(file.read(name)));
  });

  test("OpenAI's names hold what Hugging Face's hold", () => {
    const found = at("clip-vit/a/model.pt");
    const file = new SafetensorsFile(join(golden, "clip-vit/a/hf/model.safetensors"));
    expect(found.size).toBe(74);
    const pairs = {
      logit_scale: "logit_scale",
      "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
      "visual.conv1.weight": "vision_model.embeddings.patch_embedding.weight",
      "visual.ln_pre.bias": "vision_model.pre_layrnorm.bias",
      "transformer.resblocks.1.mlp.c_fc.weight": "text_model.encoder.layers.1.mlp.fc1.weight",
    };
    for (const [ours, theirs] of Object.entries(pairs)) expect(digest(found.get(ours))).toBe(digest(file.read(theirs)));
  });

  test("a Lightning checkpoint gives its model and not its optimizer", () => {
    const value = readTorchArchive(join(golden, "taming-vqgan/last.ckpt"));
    expect(value instanceof Map && value.get("pytorch-lightning_version")).toBe("1.0.8");
    const found = readAll(value);
    expect(found.size).toBe(238);
    expect([...found.keys()].filter((name) => name.startsWith("loss.discriminator.main.")).length).toBeGreaterThan(10);
    expect(found.get("encoder.conv_in.weight")?.shape).toEqual([32, 3, 3, 3]);
  });

  test("the old and the new format hold the same perceptual weights", () => {
    const all = at("vqgan-losses/lpips-slim/vgg16_lpips.pt");
    const linear = at("vqgan-losses/lpips-slim/vgg.pth");
    expect(linear.size).toBe(5);
    for (const [name, value] of linear) expect(digest(all.get(name))).toBe(digest(value));
    const convolutions = at("vqgan-losses/lpips-slim/vgg16_torchvision.pth");
    expect(convolutions.size).toBe(26);
    for (const [name, value] of convolutions) {
      const twin = [...all].find(([other]) =>
        new RegExp(`^net\\.slice\\d\\.${name.slice("features.".length)}$`).test(other),
      );
      expect(digest(twin?.[1])).toBe(digest(value));
    }
  });

  test.each([
    ["actnorm", 19],
    ["batchnorm", 22],
  ])("the %s discriminator has %i tensors", (name, size) => {
    expect(at(`vqgan-losses/discriminator/${name}.pt`).size).toBe(size);
  });
});
