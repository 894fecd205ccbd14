import type { Weights } from "../../io/weight.ts";
import type { GptConfig } from "../gpt-config.ts";
import type { Format } from "./format.ts";
import type { GptHints } from "./gpt.ts";
import { countLayers, sizeOf, toOurs, without, type NamePair } from "./name-pairs.ts";

const NETWORK = "HFAiLab's GPT";

const insideBlock: Readonly<Record<string, string>> = {
  "self_attn.in_proj_weight": "attention.qkv.weight",
  "self_attn.in_proj_bias": "attention.qkv.bias",
  "self_attn.out_proj.weight": "attention.proj.weight",
  "self_attn.out_proj.bias": "attention.proj.bias",
  "linear1.weight": "mlp.fc1.weight",
  "linear1.bias": "mlp.fc1.bias",
  "linear2.weight": "mlp.fc2.weight",
  "linear2.bias": "mlp.fc2.bias",
  "norm1.weight": "norm1.weight",
  "norm1.bias": "norm1.bias",
  "norm2.weight": "norm2.weight",
  "norm2.bias": "norm2.bias",
};

/** The names of `gpt_coco.pt` beside ours, for this many layers. */
export function hfaiGptNames(layers: number): NamePair[] {
  const blocks = Array.from({ length: layers }, (_, layer) =>
    Object.entries(insideBlock).map(([theirs, ours]) => ({
      theirs: `blocks.${layer}.encoder.${theirs}`,
      ours: `blocks.${layer}.${ours}`,
    })),
  );
  return [
    { theirs: "tok_emb.weight", ours: "token_embedding.weight" },
    { theirs: "pos_emb", ours: "position_embedding", turn: "batched" },
    { theirs: "cond_proj.weight", ours: "condition_proj.weight" },
    { theirs: "cond_proj.bias", ours: "condition_proj.bias" },
    ...blocks.flat(),
    ...["norm.weight", "norm.bias", "head.weight", "head.bias"].map((name) => ({ theirs: name, ours: name })),
  ];
}

/** The GPT of HFAiLab/clip-gen (`models/gpt.py`): CLIP-GEN as its authors' colleagues released it. */
export const hfaiGpt: Format<GptConfig, GptHints> = {
  name: "HFAiLab/clip-gen",
  matches: (weights) => weights.has("cond_proj.weight") && weights.has("blocks.0.encoder.linear1.weight"),
  read: (all, hints) => {
    const weights = without(all, /^blocks\.\d+\.mask$/);
    const layers = countLayers(weights, /^blocks\.(\d+)\.encoder\./);
    return { config: configOf(weights, { layers, ...hints }), weights: toOurs(weights, hfaiGptNames(layers)) };
  },
};

function configOf(weights: Weights, { layers, heads }: GptHints & { layers: number }): GptConfig {
  const width = sizeOf(weights, "tok_emb.weight", 1, NETWORK);
  const mlpWidth = sizeOf(weights, "blocks.0.encoder.linear1.weight", 0, NETWORK);
  return {
    codebookSize: sizeOf(weights, "tok_emb.weight", 0, NETWORK),
    tokenCount: sizeOf(weights, "pos_emb", 1, NETWORK),
    conditionDim: sizeOf(weights, "cond_proj.weight", 1, NETWORK),
    layers,
    heads: heads ?? Math.max(1, Math.floor(width / 64)),
    width,
    dropout: 0.1,
    ...(mlpWidth !== 4 * width && { mlpWidth }),
  };
}
