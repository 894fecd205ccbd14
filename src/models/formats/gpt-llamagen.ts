import { weightOf, type Weights } from "../../io/weight.ts";
import type { GptConfig } from "../gpt-config.ts";
import type { Format } from "./format.ts";
import type { GptHints } from "./gpt.ts";
import { countLayers, sizeOf, toOurs, type NamePair } from "./name-pairs.ts";

const NETWORK = "LlamaGen's GPT";
// Of pictures of 256 pixels a side; those of 384 have 576.
const TOKEN_COUNT = 256;

const insideBlock: Readonly<Record<string, string>> = {
  "attention.wqkv.weight": "attention.qkv.weight",
  "attention.wo.weight": "attention.proj.weight",
  "feed_forward.w1.weight": "mlp.fc1.weight",
  "feed_forward.w3.weight": "mlp.fc3.weight",
  "feed_forward.w2.weight": "mlp.fc2.weight",
  "attention_norm.weight": "norm1.weight",
  "ffn_norm.weight": "norm2.weight",
};

/** LlamaGen's names (`autoregressive/models/gpt.py`) beside ours, for this many layers. */
export function llamaGenGptNames(layers: number): NamePair[] {
  const blocks = Array.from({ length: layers }, (_, layer) =>
    Object.entries(insideBlock).map(([theirs, ours]) => ({
      theirs: `layers.${layer}.${theirs}`,
      ours: `blocks.${layer}.${ours}`,
    })),
  );
  return [
    { theirs: "tok_embeddings.weight", ours: "token_embedding.weight" },
    // A class is a one-hot vector to us, so the table of classes is a linear map.
    { theirs: "cls_embedding.embedding_table.weight", ours: "condition_proj.weight", turn: "transposed" },
    { theirs: "cls_embedding.cap_proj.fc1.weight", ours: "condition_proj.fc1.weight" },
    { theirs: "cls_embedding.cap_proj.fc2.weight", ours: "condition_proj.fc2.weight" },
    { theirs: "cls_embedding.uncond_embedding", ours: "null_condition" },
    ...blocks.flat(),
    { theirs: "norm.weight", ours: "norm.weight" },
    { theirs: "output.weight", ours: "head.weight" },
  ];
}

/**
 * LlamaGen (Sun et al., arXiv 2406.06525). Of classes: a condition is a one-hot vector, the last class means none.
 * Of captions: a condition is 120 vectors of a T5 encoder, which is not part of this program.
 */
export const llamaGenGpt: Format<GptConfig, GptHints> = {
  name: "LlamaGen",
  matches: (weights) => weights.has("layers.0.attention.wqkv.weight") && weights.has("tok_embeddings.weight"),
  read: (given, hints) => {
    const weights = new Map([...given].filter(([name]) => name !== "freqs_cis"));
    const layers = countLayers(weights, /^layers\.(\d+)\./);
    const config = configOf(weights, { layers, ...hints });
    const named = new Map(toOurs(weights, llamaGenGptNames(layers)));
    if (config.conditionProj === "table") named.set("null_condition", lastClass(config.conditionDim));
    return { config, weights: named };
  },
};

function configOf(
  weights: Weights,
  { layers, heads, tokenCount = TOKEN_COUNT }: GptHints & { layers: number },
): GptConfig {
  const width = sizeOf(weights, "tok_embeddings.weight", 1, NETWORK);
  const captions = weights.get("cls_embedding.uncond_embedding")?.shape;
  return {
    codebookSize: sizeOf(weights, "tok_embeddings.weight", 0, NETWORK),
    tokenCount,
    conditionDim: captions?.[1] ?? sizeOf(weights, "cls_embedding.embedding_table.weight", 0, NETWORK),
    layers,
    heads: heads ?? Math.max(1, Math.floor(width / 64)),
    width,
    dropout: 0.1,
    conditionLength: captions?.[0] ?? 1,
    conditionProj: captions ? "mlp" : "table",
    architecture: "llama",
    mlpWidth: sizeOf(weights, "layers.0.feed_forward.w1.weight", 0, NETWORK),
    headBias: false,
    learnedNull: true,
  };
}

/** The one-hot vector of the class that means none. */
function lastClass(classes: number): ReturnType<typeof weightOf> {
  const values = Float32Array.from({ length: classes }, (_, i) => (i === classes - 1 ? 1 : 0));
  return weightOf({ dtype: "float32", shape: [1, classes], data: new Uint8Array(values.buffer) });
}
