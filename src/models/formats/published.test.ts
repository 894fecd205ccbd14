import { describe, expect, test } from "vitest";
import { emptyWeight, hasPublished, publishedNote, publishedWeights } from "../../../test/published.ts";
import type { Weight, Weights } from "../../io/weight.ts";
import { withoutInit } from "../../nn/init.ts";
import type { Module } from "../../nn/module.ts";
import { clipPresets } from "../clip-config.ts";
import { Clip } from "../clip.ts";
import { defaultDiscriminator, NLayerDiscriminator } from "../discriminator.ts";
import { Gpt } from "../gpt.ts";
import { Vqgan } from "../vqgan.ts";
import { vqganPresets } from "../vqgan-config.ts";
import { clipFormats, openaiClipNames } from "./clip.ts";
import { readAs } from "./format.ts";
import { gptFormats } from "./gpt.ts";
import { hfaiGptNames } from "./gpt-hfai.ts";
import { llamaGenGptNames } from "./gpt-llamagen.ts";
import { tamingGptNames } from "./gpt-taming.ts";
import { toOurs, toTheirs, type NamePair } from "./name-pairs.ts";
import { vqganFormats } from "./vqgan.ts";
import { flaxVqganNames } from "./vqgan-flax.ts";
import { hfaiVqganNames } from "./vqgan-hfai.ts";
import { llamaGenVqganNames } from "./vqgan-llamagen.ts";

type Shaped = ReadonlyMap<string, { shape: readonly number[] }>;
const shapes = (state: Shaped): Record<string, string> =>
  Object.fromEntries(Array.from(state, ([name, { shape }]) => [name, shape.join(" ")]));

const about = { path: "here", hints: {} };

/** Every name and shape of the table belongs to the network, and the other way round. */
function expectFit(network: Module, weights: Weights): void {
  try {
    expect(shapes(weights)).toEqual(shapes(network.stateDict()));
  } finally {
    network.dispose();
  }
}

describe.skipIf(!hasPublished)(`published checkpoints fit, name by name and shape by shape${publishedNote}`, () => {
  test.each(["openai_clip_vitb32.tsv", "open_clip_vitb32.tsv", "hf_clip_vitb32.tsv"])("CLIP: %s", (table) => {
    const { config, weights } = readAs(clipFormats, publishedWeights(table), { ...about, kind: "CLIP" });
    expect(config).toEqual(clipPresets["vit-b-32"]);
    expectFit(
      withoutInit(() => new Clip(config)),
      weights,
    );
  });

  test("CLIP: with the prefix of a training wrapper", () => {
    const plain = publishedWeights("open_clip_vitb32.tsv");
    const wrapped = new Map(Array.from(plain, ([name, weight]) => [`module.${name}`, weight]));
    const { weights } = readAs(clipFormats, wrapped, { ...about, kind: "CLIP" });
    expect(shapes(weights)).toEqual(shapes(readAs(clipFormats, plain, { ...about, kind: "CLIP" }).weights));
  });

  test.each([
    ["taming_vqgan_f16_16384.tsv", "taming-transformers", {}],
    ["hfai_vqgan.tsv", "HFAiLab/clip-gen", { groupNormEps: 1e-5, beta: 0.2 }],
    ["llamagen_vq16.tsv", "LlamaGen", { embedDim: 8, normalizeCodebook: true, legacy: false }],
    ["mindalle_detoker.tsv", "min-dalle (decoder only)", { groupNormEps: 1e-5, pixelRange: "unit", decoderOnly: true }],
  ] as const)("VQGAN: %s", (table, name, differences) => {
    const { format, config, weights } = readAs(vqganFormats, publishedWeights(table), { ...about, kind: "VQGAN" });
    expect(format).toBe(name);
    expect(config).toEqual({ ...vqganPresets.paper, ...differences });
    expectFit(
      withoutInit(() => new Vqgan(config)),
      weights,
    );
  });

  test.each([
    ["hfai_gpt2_medium.tsv", { layers: 24, heads: 16, width: 1024, conditionDim: 512 }],
    ["hfai_gpt2_large.tsv", { layers: 36, heads: 20, width: 1280, conditionDim: 512 }],
    ["llamagen_GPT-B_c2i.tsv", { layers: 12, heads: 12, width: 768, conditionDim: 1001, conditionProj: "table" }],
    ["llamagen_GPT-L_c2i.tsv", { layers: 24, heads: 16, width: 1024, conditionDim: 1001, conditionProj: "table" }],
    ["llamagen_GPT-XL_c2i.tsv", { layers: 36, heads: 20, width: 1280, conditionDim: 1001, conditionProj: "table" }],
    ["llamagen_GPT-XL_t2i.tsv", { layers: 36, heads: 20, width: 1280, conditionDim: 2048, conditionLength: 120 }],
  ] as const)("GPT: %s", (table, expected) => {
    const { config, weights } = readAs(gptFormats, publishedWeights(table), { ...about, kind: "GPT" });
    expect(config).toMatchObject({ ...expected, codebookSize: 16_384, tokenCount: 256 });
    expectFit(
      withoutInit(() => new Gpt(config)),
      weights,
    );
  });

  test.each([2, 3])("discriminator of %i layers", (nLayers) => {
    const discriminator = new NLayerDiscriminator({ ...defaultDiscriminator, nLayers });
    expectFit(discriminator, publishedWeights(`taming_disc_${nLayers}.tsv`));
  });

  test.each([
    ["openai_clip_vitb32.tsv", () => openaiClipNames({ text: 12, vision: 12 })],
    ["hfai_gpt2_medium.tsv", () => hfaiGptNames(24)],
    ["llamagen_GPT-L_c2i.tsv", () => llamaGenGptNames(24)],
    ["llamagen_GPT-XL_t2i.tsv", () => llamaGenGptNames(36)],
    ["hfai_vqgan.tsv", hfaiVqganNames],
    ["llamagen_vq16.tsv", llamaGenVqganNames],
  ] as [string, (weights: Weights) => NamePair[]][])("there and back again: %s", (table, pairsOf) => {
    const skipped = /\.mask$|^discriminator\.|codebook_used$|input_resolution|context_length|vocab_size/;
    const theirs = new Map([...publishedWeights(table)].filter(([name]) => !skipped.test(name)));
    const pairs = pairsOf(theirs);
    expect(shapes(toTheirs(toOurs(theirs, pairs), pairs))).toEqual(shapes(theirs));
  });
});

test("flax names become ours, kernels with their channels first, and the other way round", () => {
  const theirs: Weights = new Map([
    ["encoder.conv_in.kernel", emptyWeight([3, 3, 5, 7])],
    ["encoder.down_2.block_1.norm1.scale", emptyWeight([4])],
    ["encoder.down_2.attn_0.q.bias", emptyWeight([4])],
    ["encoder.down_2.downsample.conv.kernel", emptyWeight([3, 3, 4, 4])],
    ["decoder.mid.block_1.norm2.bias", emptyWeight([4])],
    ["decoder.up_0.block_0.nin_shortcut.kernel", emptyWeight([1, 1, 4, 8])],
    ["quantize.embedding.embedding", emptyWeight([9, 4])],
  ]);
  const pairs = flaxVqganNames(theirs);
  const ours = toOurs(theirs, pairs);
  expect(shapes(ours)).toEqual({
    "encoder.conv_in.weight": "7 5 3 3",
    "encoder.down.2.block.1.norm1.weight": "4",
    "encoder.down.2.attn.0.q.bias": "4",
    "encoder.down.2.downsample.conv.weight": "4 4 3 3",
    "decoder.mid.block_1.norm2.bias": "4",
    "decoder.up.0.block.0.nin_shortcut.weight": "8 4 1 1",
    "quantize.embedding.weight": "9 4",
  });
  expect(shapes(toTheirs(ours, pairs))).toEqual(shapes(theirs));
});

test("taming's queries, keys and values become one matrix, and three again", () => {
  const names = tamingGptNames(2);
  const theirs: Weights = new Map(
    names.map(({ theirs: name }) => [name, emptyWeight(name === "pos_emb" ? [1, 6, 4] : [4, 4])]),
  );
  const ours = toOurs(theirs, names);
  expect(ours.get("blocks.1.attention.qkv.weight")?.shape).toEqual([12, 4]);
  expect(shapes(toTheirs(ours, names))).toEqual(shapes(theirs));
});

test("an unknown name stays for the loader to name, and another network is refused in one line", () => {
  const odd = new Map([["blocks.0.encoder.extra", emptyWeight([1])]]);
  expect([...toOurs(odd, hfaiGptNames(1)).keys()]).toEqual(["blocks.0.encoder.extra"]);
  expect(() => readAs(gptFormats, odd, { ...about, kind: "GPT" })).toThrow(
    /^here holds no GPT of a known format \(.*\)$/,
  );
});

describe("a file claims what it likes, and costs no more than it has:", () => {
  const gpt: Weights = new Map(
    hfaiGptNames(1).map(({ theirs }) => [theirs, emptyWeight(theirs === "pos_emb" ? [1, 4, 64] : [64, 64])]),
  );
  const read = (changes: Record<string, readonly number[]>): ReturnType<typeof readAs> => {
    const claimed = Object.entries(changes).map(([name, shape]): [string, Weight] => [name, emptyWeight(shape)]);
    return readAs(gptFormats, new Map([...gpt, ...claimed]), { ...about, kind: "GPT" });
  };

  test("a layer of a high number is one more layer", () => {
    expect(read({ "blocks.999999999.encoder.linear1.weight": [1] }).config).toMatchObject({ layers: 2 });
  });

  test("more layers than any network has are refused", () => {
    const many = Array.from({ length: 1001 }, (_, i) => [`blocks.${i}.encoder.linear1.weight`, [1]]);
    expect(() => read(Object.fromEntries(many))).toThrow("it has 1001 layers; at most 1000 are supported");
  });

  test("sizes of tensors without numbers are not believed", () => {
    expect(() => read({ pos_emb: [1, 1e9, 0] })).toThrow("pos_emb has the shape [1, 1000000000, 0]");
    expect(() => read({ "tok_emb.weight": [] })).toThrow("tok_emb.weight has the shape []");
  });

  test("a GPT of more positions than attention's mask has room for is not built", () => {
    const { config } = readAs(gptFormats, new Map([...gpt, ["pos_emb", emptyWeight([1, 100_000, 64])]]), {
      ...about,
      kind: "GPT",
    });
    expect(() => withoutInit(() => new Gpt(config))).toThrow("at most 16384 are supported");
  });
});
