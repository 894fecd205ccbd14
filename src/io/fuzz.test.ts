import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { flaxArray, flaxChunks, pack, tree } from "../../test/msgpack-files.ts";
import { problemOf } from "../../test/fuzz.ts";
import { type Json, mutate, mutateJson } from "../../test/mutate.ts";
import {
  call,
  dict,
  object,
  pickle,
  type Pickled,
  storage,
  tensor,
  torchLegacy,
  torchZipFiles,
  zip,
} from "../../test/torch-files.ts";
import { Random } from "../random.ts";
import { BYTE_ALPHABET, END_OF_TEXT, END_OF_WORD, START_OF_TEXT } from "./tokenizers/clip-text.ts";
import { ClipTokenizer } from "./tokenizers/clip-tokenizer.ts";
import { openWeights } from "./weights-file.ts";
import { readWeight } from "./weight.ts";

// Files for each reader. CLIP_GEN_FUZZ=1000000 looks for longer: the first ones are the same, then come new ones.
// CLIP_GEN_FUZZ_SEED gives others from the start.
const COUNT = Number(process.env["CLIP_GEN_FUZZ"] ?? 10_000);
const SEED = Number(process.env["CLIP_GEN_FUZZ_SEED"] ?? 1);
const MAX_SECONDS = 1;
const MAX_BYTES = 2 ** 26;

let folder = "";
beforeAll(() => {
  // In memory where there is such a place: the files are many.
  folder = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "fuzz-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const numbers = new Uint8Array(Float32Array.from({ length: 24 }, (_, index) => index / 8).buffer);
const matrix = tensor(storage("0", 24), { shape: [6, 4], strides: [4, 1] });
const turned = tensor(storage("0", 24), { shape: [4, 5], strides: [1, 4], offset: 3 });
const bias = tensor(storage("b", 8, { type: "HalfStorage" }), { shape: [8], strides: [1] });
const state = dict({
  epoch: 3,
  "pytorch-lightning_version": "1.0.8",
  callbacks: new Map([[call("x ModelCheckpoint", 1, "y"), dict({ best: 0 })]]),
  state_dict: call("collections OrderedDict", [
    ["module.w", matrix],
    ["module.turned", turned],
    ["module.b", bias],
  ]),
});
const storages = { "0": numbers, b: numbers.subarray(0, 16) };
const child = object("__torch__.b Child", dict({ training: false, weight: matrix }));
const script = object("__torch__.a Net", dict({ training: true, child, bias, size: 224 }));

/** A file, or half of the time one whose outside is right and whose inside is damaged: checksums hide that otherwise. */
type Damage = (random: Random) => Record<string, Uint8Array>;

function damagedZip(value: Pickled, options: { deflate?: boolean; more?: Record<string, Uint8Array> }): Damage {
  const { deflate = false, more = {} } = options;
  const files = { ...torchZipFiles(pickle(value), storages), ...more };
  const whole = zip(files, { deflate });
  return (random) => {
    if (random.chance(0.5)) return { "model.pt": mutate(whole, random) };
    const inside = mutate(pickle(value), random);
    return { "model.pt": zip({ ...files, "archive/data.pkl": inside }, { deflate }) };
  };
}

function safetensors(head: Uint8Array): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(head.byteLength));
  return Buffer.concat([length, head, data]);
}

const jsonBytes = (json: Json): Buffer => Buffer.from(JSON.stringify(json));

const damagedJson = (json: Json, random: Random): Buffer =>
  random.chance(0.3) ? mutate(jsonBytes(json), random) : mutateJson(json, random);

const header = {
  __metadata__: { format: "pt" },
  w: { dtype: "F32", shape: [6, 4], data_offsets: [0, 96] },
  b: { dtype: "F8_E4M3", shape: [8], data_offsets: [96, 104] },
  n: { dtype: "I64", shape: [], data_offsets: [104, 112] },
};
const data = Buffer.concat([numbers, new Uint8Array(16)]);

const flax = pack(
  tree({
    params: tree({
      dense: tree({
        kernel: flaxArray([6, 4], "float32", numbers),
        bias: flaxArray([8], "bfloat16", data.subarray(96)),
      }),
      long: flaxChunks([2, 24], [flaxArray([24], "float32", numbers), flaxArray([24], "float32", numbers)]),
    }),
    step: 7,
  }),
);

const index = { metadata: { total_size: 112 }, weight_map: { w: "a.safetensors", b: "a.safetensors", v: "b.pt" } };

const symbols = BYTE_ALPHABET.flatMap(({ symbol }) => [symbol, symbol + END_OF_WORD]);
const tokens = [...symbols, "th", "the</w>", START_OF_TEXT, END_OF_TEXT];
const tokenizer = {
  added_tokens: [START_OF_TEXT, END_OF_TEXT].map((content) => ({ id: tokens.indexOf(content), content })),
  model: {
    type: "BPE",
    end_of_word_suffix: END_OF_WORD,
    vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
    merges: ["t h", "th e</w>"],
  },
};

const merges = Buffer.from("#version: 0.2\nt h\nth e</w>\nc a\nca t</w>\n");
const tokenize = (path: string): void => void ClipTokenizer.fromFile(path).encode("the cat");

const readAll = (path: string): void => {
  for (const [name, weight] of openWeights(path).weights) readWeight(name, weight);
};

const shards = {
  "model.safetensors.index.json": jsonBytes(index),
  "a.safetensors": safetensors(jsonBytes(header)),
  "b.pt": zip(torchZipFiles(pickle(dict({ v: matrix })), storages)),
};

type Reader = { file: string; damage: Damage; read?: (path: string) => void };

const whole = (file: string, bytes: Uint8Array): Reader => ({
  file,
  damage: (random) => ({ [file]: mutate(bytes, random) }),
});

const readers: Record<string, Reader> = {
  safetensors: {
    file: "model.safetensors",
    damage: (random) => ({
      "model.safetensors": random.chance(0.5)
        ? mutate(safetensors(jsonBytes(header)), random)
        : safetensors(mutateJson(header, random)),
    }),
  },
  "torch archive": { file: "model.pt", damage: damagedZip(state, {}) },
  "torch archive, deflated": { file: "model.pt", damage: damagedZip(state, { deflate: true }) },
  "TorchScript archive": {
    file: "model.pt",
    damage: damagedZip(script, { more: { "archive/constants.pkl": pickle([]), "archive/code/a.py": data } }),
  },
  "old torch file": whole("model.pt", torchLegacy(state, storages, { b: 2 })),
  "flax msgpack": whole("flax_model.msgpack", flax),
  "sharded index": {
    file: "model.safetensors.index.json",
    damage: (random) => {
      if (random.chance(0.8)) return { ...shards, "model.safetensors.index.json": damagedJson(index, random) };
      return { ...shards, "a.safetensors": mutate(shards["a.safetensors"], random) };
    },
  },
  "tokenizer.json": {
    file: "tokenizer.json",
    damage: (random) => ({ "tokenizer.json": damagedJson(tokenizer, random) }),
    read: tokenize,
  },
  "merges.txt": { ...whole("merges.txt", merges), read: tokenize },
  "merges.txt.gz": { ...whole("merges.txt.gz", gzipSync(merges)), read: tokenize },
};

/** Opens and reads one damaged file; says what went wrong beyond an honest error. */
function tryOne({ file, read = readAll }: Reader): string | null {
  const before = process.memoryUsage().arrayBuffers;
  const start = performance.now();
  let problem: string | null = null;
  try {
    read(join(folder, file));
  } catch (error) {
    problem = problemOf(error);
  }
  const seconds = (performance.now() - start) / 1000;
  const bytes = process.memoryUsage().arrayBuffers - before;
  if (problem === null && seconds > MAX_SECONDS) return `it took ${seconds.toFixed(1)} s`;
  if (problem === null && bytes > MAX_BYTES) return `it took ${bytes} bytes of memory`;
  return problem;
}

describe("readers of files that anyone may have written", () => {
  test.each(Object.keys(readers))(
    `%s: ${COUNT} damaged files are read or refused in one line`,
    (name) => {
      const reader = readers[name];
      if (reader === undefined) throw new Error(`no reader ${name}`);
      for (let iteration = 0; iteration < COUNT; iteration += 1) {
        const files = reader.damage(new Random(SEED, name, iteration));
        for (const [file, bytes] of Object.entries(files)) writeFileSync(join(folder, file), bytes);
        const problem = tryOne(reader);
        if (problem === null) continue;
        const place = join(tmpdir(), `clip-gen-fuzz-${iteration}-${reader.file}`);
        writeFileSync(place, files[reader.file] ?? new Uint8Array());
        expect.fail(`${name}, seed ${SEED}, iteration ${iteration} (kept as ${place}): ${problem}`);
      }
    },
    3_600_000,
  );

  test("the files that are damaged can be read", () => {
    // As the mutations start from them, a mistake here would leave the readers untested.
    const valid: [string, Uint8Array][] = [
      ...Object.entries(shards),
      ["a.pt", zip(torchZipFiles(pickle(state), storages))],
      ["c.pt", zip(torchZipFiles(pickle(script), storages), { deflate: true })],
      ["d.pt", torchLegacy(state, storages, { b: 2 })],
      ["a.msgpack", flax],
    ];
    for (const [file, bytes] of valid) writeFileSync(join(folder, file), bytes);
    for (const [file] of valid) readAll(join(folder, file));
    writeFileSync(join(folder, "tokenizer.json"), jsonBytes(tokenizer));
    expect(ClipTokenizer.fromFile(join(folder, "tokenizer.json")).decode([512])).toBe("th");
    for (const [file, bytes] of [["merges.txt", merges] as const, ["merges.txt.gz", gzipSync(merges)] as const]) {
      writeFileSync(join(folder, file), bytes);
      expect(ClipTokenizer.fromFile(join(folder, file)).decode([512])).toBe("th");
    }
  });
});
