import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { flaxArray, pack, type Packed } from "../../../test/msgpack-files.ts";
import { temporaryFolder } from "../../../test/tiny.ts";
import { writeSafetensorsFile } from "../../io/safetensors.ts";
import { permuted, readWeight, weightOf, type Weight, type Weights } from "../../io/weight.ts";
import { noGrad } from "../../tensor/autograd.ts";
import { setThreadCount } from "../../tensor/engine.ts";
import { randn } from "../../tensor/functions.generated.ts";
import { manualSeed } from "../../tensor/random.ts";
import { tidy } from "../../tensor/scope.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { Vqgan } from "../vqgan.ts";
import { vqganPresets, type VqganConfig } from "../vqgan-config.ts";

// One network of random weights, written as each of its publishers would write it, is the same network when it is read.

beforeAll(() => setThreadCount(1));
const folder = temporaryFolder();

const config: VqganConfig = {
  ...vqganPresets.paper,
  resolution: 16,
  ch: 32,
  chMult: [1, 2, 2],
  numResBlocks: 1,
  attnResolutions: [4],
  zChannels: 32,
  codebookSize: 24,
  embedDim: 8,
};
manualSeed(11);
const plain = new Vqgan(config).eval();
const weights: Weights = new Map(
  Array.from(plain.stateDict(), ([name, tensor]) => {
    const data = tidy(() => tensor.toBytes());
    return [name, weightOf({ dtype: "float32", shape: [...tensor.shape], data })];
  }),
);

/** The same weights in another network. */
function as(changes: Partial<VqganConfig>): Vqgan {
  const vqgan = new Vqgan({ ...config, ...changes });
  vqgan.loadStateDict(plain.stateDict());
  return vqgan.eval();
}

function write(name: string, renamed: Iterable<readonly [string, Weight]>): string {
  const file = join(folder, name);
  writeSafetensorsFile(
    file,
    Array.from(renamed, ([key, weight]) => [key, readWeight(key, weight)]),
  );
  return file;
}

function expectSame(read: Vqgan, wanted: Vqgan): void {
  expect(read.config).toEqual(wanted.config);
  const images = randn([2, 3, 16, 24]);
  const bytes = (of: (vqgan: Vqgan) => Tensor): [Uint8Array, Uint8Array] => [of(read).toBytes(), of(wanted).toBytes()];
  noGrad(() =>
    tidy(() => {
      const { indices } = wanted.encode(images);
      const [decoded, expected] = bytes((vqgan) => vqgan.decode(indices));
      expect(decoded).toEqual(expected);
      if (read.config.decoderOnly) return;
      const [z, wantedZ] = bytes((vqgan) => vqgan.encode(images).z);
      expect(z).toEqual(wantedZ);
    }),
  );
}

/** A tree of dicts, as flax has its parameters. */
function flaxTree(theirs: readonly [string, Weight][]): Packed {
  const root = new Map<Packed, Packed>();
  for (const [name, weight] of theirs) {
    const keys = name.split(".");
    let node = root;
    for (const key of keys.slice(0, -1)) {
      const inner = node.get(key);
      const next = inner instanceof Map ? inner : new Map<Packed, Packed>();
      node.set(key, next);
      node = next;
    }
    const { shape, dtype, data } = readWeight(name, weight);
    node.set(keys.at(-1) ?? "", flaxArray(shape, dtype, data));
  }
  return root;
}

describe("a VQGAN as it is published by", () => {
  test("dalle-mini, in flax: kernels end in channels, pixels are in [0, 1]", async () => {
    const theirs = Array.from(weights, ([name, weight]): [string, Weight] => {
      const key = name
        .replace(/\.(down|up)\.(\d+)\./, ".$1_$2.")
        .replace(/\.(block|attn)\.(\d+)\./, ".$1_$2.")
        .replace("quantize.embedding.weight", "quantize.embedding.embedding")
        .replace(/(norm\w*)\.weight$/, "$1.scale")
        .replace(/\.weight$/, ".kernel");
      return [key, weight.shape.length === 4 ? permuted(weight, [2, 3, 1, 0]) : weight];
    });
    const file = join(folder, "flax_model.msgpack");
    writeFileSync(file, pack(flaxTree(theirs)));
    const read = await Vqgan.fromPretrained(file, { resolution: 16 });
    const wanted = as({ pixelRange: "unit" });
    expectSame(read, wanted);
    noGrad(() =>
      tidy(() => {
        const { indices } = plain.encode(randn([1, 3, 16, 16]));
        expect(read.decode(indices).toBytes()).toEqual(plain.decode(indices).mul(2).sub(1).toBytes());
      }),
    );
  });

  test("LlamaGen: other names for levels, which its decoder counts from the deepest; a codebook on the sphere", async () => {
    const theirs = Array.from(weights, ([name, weight]): [string, Weight] => [
      name
        .replace(/^encoder\.down\./, "encoder.conv_blocks.")
        .replace(/^decoder\.up\.(\d)/, (_, level: string) => `decoder.conv_blocks.${2 - Number(level)}`)
        .replace(/(conv_blocks\.\d)\.block\./, "$1.res.")
        .replace("mid.block_1", "mid.0")
        .replace("mid.attn_1", "mid.1")
        .replace("mid.block_2", "mid.2"),
      weight,
    ]);
    const used: [string, Weight] = [
      "quantize.codebook_used",
      weightOf({ dtype: "float32", shape: [1], data: new Uint8Array(4) }),
    ];
    const file = write("llamagen.safetensors", [...theirs, used]);
    const read = await Vqgan.fromPretrained(file, { resolution: 16 });
    expectSame(read, as({ normalizeCodebook: true, legacy: false }));
  });

  test("min-dalle: the decoder alone, which turns tokens into pictures and no picture into tokens", async () => {
    const theirs = Array.from(weights, ([name, weight]): [string, Weight] => [
      name.replace("quantize.embedding.", "embedding."),
      weight,
    ]).filter(([name]) => !/^(encoder|quant_conv)\./.test(name));
    const read = await Vqgan.fromPretrained(write("detoker.safetensors", theirs), { resolution: 16 });
    const wanted = as({ pixelRange: "unit", groupNormEps: 1e-5 });
    expect(read.config).toEqual({ ...wanted.config, decoderOnly: true });
    noGrad(() =>
      tidy(() => {
        const { indices } = wanted.encode(randn([1, 3, 16, 16]));
        expect(read.decode(indices).toBytes()).toEqual(wanted.decode(indices).toBytes());
      }),
    );
    expect(() => read.encode(randn([1, 3, 16, 16]))).toThrow("has a decoder only");
    const again = join(folder, "decoder");
    await read.savePretrained(again);
    expect((await Vqgan.fromPretrained(again)).config).toEqual(read.config);
  });

  test("taming-transformers, beside its loss and in the checkpoint of a transformer", async () => {
    const loss: [string, Weight] = [
      "loss.discriminator.main.0.weight",
      weightOf({ dtype: "float32", shape: [1], data: new Uint8Array(4) }),
    ];
    const beside = await Vqgan.fromPretrained(write("taming.safetensors", [...weights, loss]), { resolution: 16 });
    expectSame(beside, plain);
    const inside = Array.from(weights, ([name, weight]): [string, Weight] => [`first_stage_model.${name}`, weight]);
    expectSame(await Vqgan.fromPretrained(write("net2net.safetensors", inside), { resolution: 16 }), plain);
  });
});
