import type { Weights } from "../../io/weight.ts";
import type { VqganConfig } from "../vqgan-config.ts";
import type { Format } from "./format.ts";
import { countLayers, pairsBelow, toOurs, type NamePair } from "./name-pairs.ts";
import type { VqganHints } from "./vqgan.ts";
import { vqganConfigFromShapes } from "./vqgan-shapes.ts";

const LEAVES = ["weight", "bias"] as const;
const middle = ["block_1", "attn_1", "block_2"] as const;

const fixed: Readonly<Record<string, string>> = {
  "encoder.conv_in": "encoder.conv_in",
  "encoder.final.0": "encoder.norm_out",
  "encoder.final.2": "encoder.conv_out",
  "encoder.final.3": "quant_conv",
  "decoder.quant_conv_in": "post_quant_conv",
  "decoder.conv_in": "decoder.conv_in",
  "decoder.final.0": "decoder.norm_out",
  "decoder.final.2": "decoder.conv_out",
};

const insideResnet: Readonly<Record<string, string>> = {
  "block.0": "norm1",
  "block.2": "conv1",
  "block.3": "norm2",
  "block.6": "conv2",
  shortcut: "nin_shortcut",
};

/**
 * The autoencoder in `vqgan_coco.pt` of HFAiLab/clip-gen (`models/vqgan.py`) beside our names. There the blocks of all
 * levels stand in one list, and q, k and v in one matrix.
 */
export function hfaiVqganNames(weights: Weights): NamePair[] {
  const places = [
    ...placesOfLevels(weights, "encoder.down"),
    ...placesOfLevels(weights, "decoder.up"),
    ...["encoder", "decoder"].flatMap((side) =>
      middle.map((part, i): [string, string] => [`${side}.mid.${i}`, `${side}.mid.${part}`]),
    ),
  ];
  return [
    ...Object.entries(fixed).flatMap(([theirs, ours]) => pairsBelow(theirs, ours, LEAVES)),
    { theirs: "quantizer.embedding.weight", ours: "quantize.embedding.weight" },
    ...places.flatMap(([theirs, ours]) => blockNames(weights, theirs, ours)),
  ];
}

/** HFAiLab/clip-gen's VQGAN. Its GroupNorm has PyTorch's epsilon, and its loss weighs the codebook term with 0.2. */
export const hfaiVqgan: Format<VqganConfig, VqganHints> = {
  name: "HFAiLab/clip-gen",
  matches: (weights) => weights.has("encoder.down.0.block.2.weight") && weights.has("quantizer.embedding.weight"),
  read: (all, { resolution }) => {
    const network = new Map([...all].filter(([name]) => !name.startsWith("discriminator.")));
    const weights = toOurs(network, hfaiVqganNames(network));
    return { config: vqganConfigFromShapes(weights, { resolution, groupNormEps: 1e-5, beta: 0.2 }), weights };
  },
};

/** Where every entry of one of the two lists stands. The change of size ends a level. */
function placesOfLevels(weights: Weights, list: "encoder.down" | "decoder.up"): [string, string][] {
  const [count, change] = [
    countLayers(weights, new RegExp(`^${list.replace(".", "\\.")}\\.(\\d+)\\.`)),
    list === "encoder.down" ? "downsample" : "upsample",
  ];
  const kinds = Array.from({ length: count }, (_, i) => kindOf(weights, `${list}.${i}`));
  const last = kinds.filter((kind) => kind === "change").length;
  const seen = { level: 0, resnet: 0, attention: 0 };
  return kinds.map((kind, i) => {
    const level = list === "encoder.down" ? seen.level : last - seen.level;
    const at = `${list}.${level}`;
    if (kind === "change") {
      Object.assign(seen, { level: seen.level + 1, resnet: 0, attention: 0 });
      return [`${list}.${i}`, `${at}.${change}`];
    }
    const number = seen[kind];
    seen[kind] += 1;
    return [`${list}.${i}`, `${at}.${kind === "resnet" ? "block" : "attn"}.${number}`];
  });
}

function kindOf(weights: Weights, block: string): "resnet" | "attention" | "change" {
  if (weights.has(`${block}.attn.in_proj_weight`)) return "attention";
  return weights.has(`${block}.block.2.weight`) ? "resnet" : "change";
}

function blockNames(weights: Weights, theirs: string, ours: string): NamePair[] {
  switch (kindOf(weights, theirs)) {
    case "change":
      return pairsBelow(`${theirs}.conv`, `${ours}.conv`, LEAVES);
    case "resnet":
      return Object.entries(insideResnet).flatMap(([a, b]) => pairsBelow(`${theirs}.${a}`, `${ours}.${b}`, LEAVES));
    case "attention":
      return [
        ...pairsBelow(`${theirs}.norm`, `${ours}.norm`, LEAVES),
        ...LEAVES.flatMap((leaf) =>
          ["q", "k", "v"].map((name, index): NamePair => ({
            theirs: `${theirs}.attn.in_proj_${leaf}`,
            ours: `${ours}.${name}.${leaf}`,
            turn: "as convolution",
            part: { of: "theirs", index, count: 3 },
          })),
        ),
        { theirs: `${theirs}.attn.out_proj.weight`, ours: `${ours}.proj_out.weight`, turn: "as convolution" },
        { theirs: `${theirs}.attn.out_proj.bias`, ours: `${ours}.proj_out.bias` },
      ];
  }
}
