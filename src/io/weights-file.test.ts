import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { flaxArray, pack, tree } from "../../test/msgpack-files.ts";
import {
  dict,
  object,
  pickle,
  storage,
  tensor,
  torchLegacy,
  torchZip,
  torchZipFiles,
  zip,
} from "../../test/torch-files.ts";
import { writeSafetensorsFile } from "./safetensors.ts";
import { openWeights } from "./weights-file.ts";
import { readWeight } from "./weight.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "weights-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function save(name: string, bytes: Uint8Array | string): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
  return path;
}

const six = new Uint8Array(Float32Array.of(0, 1, 2, 3, 4, 5).buffer);
const w = tensor(storage("0", 6), { shape: [2, 3], strides: [3, 1] });

function safetensors(name: string, names: string[] = ["w"]): string {
  const path = save(name, "");
  writeSafetensorsFile(
    path,
    names.map((tensorName) => [tensorName, { dtype: "float32", shape: [2, 3], data: six }]),
  );
  return path;
}

const torch = (): Buffer => torchZip(dict({ w }), { "0": six });
const torchScript = (): Buffer => {
  const files = torchZipFiles(pickle(object("__torch__.a Net", dict({ w }))), { "0": six });
  return zip({ ...files, "archive/constants.pkl": pickle([]) });
};
const flax = (): Buffer => pack(tree({ w: flaxArray([2, 3], "float32", six) }));

/** Opens the file, and reads the one tensor that all of them hold. */
function format(path: string): string {
  const opened = openWeights(path);
  expect([...opened.weights.keys()]).toEqual(["w"]);
  for (const [name, weight] of opened.weights) {
    expect(readWeight(name, weight)).toEqual({ dtype: "float32", shape: [2, 3], data: six });
  }
  return opened.format;
}

describe("opening a weights file", () => {
  test.each(["weights", "model.bin", "model.safetensors", "model.msgpack", "model.pt"])(
    "the content tells the format, not the name: %s",
    (name) => {
      expect(format(safetensors(name))).toBe("safetensors");
      expect(format(save(name, torch()))).toBe("torch archive");
      expect(format(save(name, torchScript()))).toBe("TorchScript archive");
      expect(format(save(name, torchLegacy(dict({ w }), { "0": six })))).toBe("old torch file");
      expect(format(save(name, flax()))).toBe("flax msgpack");
    },
  );

  test("a safetensors header of any length is recognised, also where its first byte begins a msgpack", () => {
    const header = JSON.stringify({ w: { dtype: "F32", shape: [2, 3], data_offsets: [0, 24] } });
    for (const size of [0x80, 0x81, 0x8f, 0xde, 0xdf, 0x4b50]) {
      const length = Buffer.alloc(8);
      length.writeBigUInt64LE(BigInt(size));
      const path = save("weights", Buffer.concat([length, Buffer.from(header.padEnd(size)), six]));
      expect(format(path)).toBe("safetensors");
    }
  });

  test.each([
    ["model.safetensors", "safetensors"],
    ["open_clip_model.safetensors", "safetensors"],
    ["pytorch_model.bin", "torch archive"],
    ["open_clip_pytorch_model.bin", "torch archive"],
    ["flax_model.msgpack", "flax msgpack"],
  ])("a folder with %s is opened", (name, expected) => {
    if (expected === "safetensors") safetensors(name);
    else save(name, expected === "flax msgpack" ? flax() : torch());
    save("config.json", "{}");
    expect(format(folder)).toBe(expected);
    expect(openWeights(folder).path).toBe(join(folder, name));
  });

  test("of several files in a folder the safest is opened", () => {
    save("flax_model.msgpack", "damaged");
    save("pytorch_model.bin", "damaged");
    safetensors("model.safetensors");
    expect(format(folder)).toBe("safetensors");
  });

  test("missing files, folders without weights, and files of another kind are told in one line", () => {
    expect(() => openWeights(join(folder, "none"))).toThrow(/^\S+none does not exist$/);
    expect(() => openWeights(folder)).toThrow(/^\S+ holds no weights: expected model\.safetensors, .+$/);
    const cases: [string, string, RegExp][] = [
      ["a.safetensors", "", /only 0 bytes/],
      ["a.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n", /not a safetensors file/],
      ["a.bin", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n", /git-lfs pointer/],
      ["a.bin", "<html>\n</html>", /web page/],
      ["a.bin", "", /not a torch file/],
      ["a.msgpack", "", /msgpack is damaged/],
      ["a.msgpack", "not msgpack\n", /msgpack is damaged/],
      ["model.safetensors.index.json", "{\n", /is no JSON/],
    ];
    for (const [name, content, reason] of cases) {
      const path = save(name, content);
      expect(() => openWeights(path)).toThrow(reason);
      expect(() => openWeights(path)).toThrow(/^(cannot read )?\/.+$/);
    }
  });
});

const index = (map: Record<string, unknown>, name = "model.safetensors.index.json"): string =>
  save(name, JSON.stringify({ metadata: { total_size: 48 }, weight_map: map }));

describe("weights that are spread over files", () => {
  test("all shards together are one set of weights, in the order of the index", () => {
    const [first, second] = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    safetensors(first, ["a", "b"]);
    safetensors(second, ["c"]);
    const path = index({ c: second, a: first, b: first });
    for (const place of [path, folder]) {
      const opened = openWeights(place);
      expect(opened).toMatchObject({ path, format: "safetensors" });
      expect([...opened.weights.keys()]).toEqual(["c", "a", "b"]);
      for (const [name, weight] of opened.weights) expect(readWeight(name, weight).data).toEqual(six);
    }
  });

  test("shards of torch archives are opened, too", () => {
    save("pytorch_model-1.bin", torch());
    index({ w: "pytorch_model-1.bin" }, "pytorch_model.bin.index.json");
    expect(format(folder)).toBe("torch archive");
  });

  test.each(["../w.safetensors", "/etc/passwd", "sub/w.safetensors", "..", ".", "", "a\nb", "..\\w", ".hidden"])(
    "a shard named %o is refused: it may not lie elsewhere",
    (name) => {
      safetensors("w.safetensors");
      expect(() => openWeights(index({ w: name }))).toThrow(/is no index of weights: weight_map\.w: expected the name/);
    },
  );

  test("an index that names itself, another one, a folder or nothing comes to an end", () => {
    const name = "model.safetensors.index.json";
    expect(() => openWeights(index({ w: name }))).toThrow(/not a torch file/);
    index({ w: name }, "pytorch_model.bin.index.json");
    expect(() => openWeights(index({ w: "pytorch_model.bin.index.json" }))).toThrow(/not a torch file/);
    mkdirSync(join(folder, "sub"));
    expect(() => openWeights(index({ w: "sub" }))).toThrow(/not a file but a folder/);
    expect(() => openWeights(index({}))).toThrow(/names no weights/);
  });

  test("shards and tensors that are missing are named", () => {
    safetensors("a.safetensors");
    expect(() => openWeights(index({ w: "a.safetensors", v: "b.safetensors" }))).toThrow(
      /b\.safetensors does not exist/,
    );
    expect(() => openWeights(index({ v: "a.safetensors" }))).toThrow(
      /says that a\.safetensors holds v, but it does not/,
    );
    for (const content of ["[]", "{}", "null", '{"weight_map": []}', '{"weight_map": {"w": 1}}']) {
      const path = save("model.safetensors.index.json", content);
      expect(() => openWeights(path)).toThrow(/^\S+ is no index of weights: .+$/);
    }
  });

  test("a damaged shard is named with the index", () => {
    save("a.safetensors", "damaged\n damaged");
    const path = index({ w: "a.safetensors" });
    expect(() => openWeights(path)).toThrow(
      /^cannot read \S+index\.json: \S+a\.safetensors is not a safetensors file.*$/,
    );
  });

  test("a hundred thousand mistakes make a short message", () => {
    const path = index(Object.fromEntries(Array.from({ length: 100_000 }, (_, number) => [`w${number}`, number])));
    expect(() => openWeights(path)).toThrow(/^.{1,1000} more$/);
  });
});
