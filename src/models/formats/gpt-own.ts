import type { Weights } from "../../io/weight.ts";
import type { GptConfig } from "../gpt-config.ts";
import type { Format } from "./format.ts";
import type { GptHints } from "./gpt.ts";
import { countLayers, sizeOf } from "./name-pairs.ts";

const NETWORK = "clip-gen's GPT";

/** Our own names without our `config.json`: the weights in a checkpoint of a run, for one. */
export const ownGpt: Format<GptConfig, GptHints> = {
  name: "clip-gen",
  matches: (weights) => weights.has("token_embedding.weight") && weights.has("blocks.0.attention.qkv.bias"),
  read: (weights, hints) => ({ config: configOf(weights, hints), weights }),
};

function configOf(weights: Weights, { heads }: GptHints): GptConfig {
  const width = sizeOf(weights, "token_embedding.weight", 1, NETWORK);
  const mlpWidth = sizeOf(weights, "blocks.0.mlp.fc1.weight", 0, NETWORK);
  const projection = weights.get("condition_proj.weight");
  return {
    codebookSize: sizeOf(weights, "token_embedding.weight", 0, NETWORK),
    tokenCount: sizeOf(weights, "position_embedding", 0, NETWORK),
    conditionDim: projection?.shape[1] ?? width,
    layers: countLayers(weights, /^blocks\.(\d+)\./),
    heads: heads ?? Math.max(1, Math.floor(width / 64)),
    width,
    dropout: 0.1,
    ...(mlpWidth !== 4 * width && { mlpWidth }),
    ...(!projection && { conditionProj: "none" }),
    ...(!weights.has("head.bias") && { headBias: false }),
  };
}
