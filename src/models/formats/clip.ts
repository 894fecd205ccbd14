import { resolveModelPath } from "../../io/hub/hub-cache.ts";
import { existsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { readJson } from "../../io/json.ts";
import { ClipTokenizer } from "../../io/tokenizers/clip-tokenizer.ts";
import { openWeights } from "../../io/weights-file.ts";
import type { Weights } from "../../io/weight.ts";
import { parseClipConfig } from "../clip-config-json.ts";
import type { ClipConfig } from "../clip-config.ts";
import { clipConfigFromShapes, type ClipHints } from "./clip-shapes.ts";
import { readAs, type Format, type Published } from "./format.ts";
import { countLayers, pairsBelow, toOurs, without, type NamePair } from "./name-pairs.ts";

export type { ClipHints } from "./clip-shapes.ts";

const LEAVES = ["weight", "bias"] as const;

const outside: Readonly<Record<string, string>> = {
  "visual.class_embedding": "vision_model.embeddings.class_embedding",
  "visual.conv1.weight": "vision_model.embeddings.patch_embedding.weight",
  "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight",
  "visual.ln_pre.weight": "vision_model.pre_layrnorm.weight",
  "visual.ln_pre.bias": "vision_model.pre_layrnorm.bias",
  "visual.ln_post.weight": "vision_model.post_layernorm.weight",
  "visual.ln_post.bias": "vision_model.post_layernorm.bias",
  "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
  positional_embedding: "text_model.embeddings.position_embedding.weight",
  "ln_final.weight": "text_model.final_layer_norm.weight",
  "ln_final.bias": "text_model.final_layer_norm.bias",
  logit_scale: "logit_scale",
};

// Facts about the model and tables that can be computed; none of them is learned.
const NOT_WEIGHTS = /(^|\.)(input_resolution|context_length|vocab_size|attn_mask|position_ids)$/;
// open_clip can keep the text tower in a module of its own.
const OWN_TEXT = /^text\.(?=(transformer|token_embedding|positional_embedding|ln_final|text_projection|attn_mask)\b)/;

/** How many layers the text tower has, and the vision transformer; or the names that a ResNet has. */
type ClipLayers = { text: number; vision: number | readonly string[] };

/** OpenAI's names, which are open_clip's too, beside Hugging Face's. */
export function openaiClipNames({ text, vision }: ClipLayers): NamePair[] {
  const names: NamePair[] = [
    ...Object.entries(outside).map(([theirs, ours]) => ({ theirs, ours })),
    ...towerNames("transformer", "text_model", text),
    // OpenAI multiplies by these from the right, a linear layer by its transposed weight.
    { theirs: "text_projection", ours: "text_projection.weight", turn: "transposed" },
  ];
  if (typeof vision === "number") {
    return [
      ...names,
      ...towerNames("visual.transformer", "vision_model", vision),
      { theirs: "visual.proj", ours: "visual_projection.weight", turn: "transposed" },
    ];
  }
  // Nobody has other names for a ResNet than OpenAI.
  const resNet = vision.map((name) => ({ theirs: `visual.${name}`, ours: `vision_model.${name}` }));
  return [...names.filter(({ theirs }) => !theirs.startsWith("visual.")), ...resNet];
}

function layersOf(weights: Weights): ClipLayers {
  const below = "visual.";
  const seen = [...weights.keys()].filter((name) => name.startsWith(below)).map((name) => name.slice(below.length));
  const isResNet = seen.includes("layer1.0.conv1.weight");
  return {
    text: countLayers(weights, /^transformer\.resblocks\.(\d+)\./),
    vision: isResNet ? seen : countLayers(weights, /^visual\.transformer\.resblocks\.(\d+)\./),
  };
}

function towerNames(theirs: string, ours: string, count: number): NamePair[] {
  return Array.from({ length: count }, (_, layer) =>
    layerNames(`${theirs}.resblocks.${layer}`, `${ours}.encoder.layers.${layer}`),
  ).flat();
}

function layerNames(theirs: string, ours: string): NamePair[] {
  const attention = LEAVES.flatMap((leaf) =>
    ["q_proj", "k_proj", "v_proj"].map((projection, index): NamePair => ({
      theirs: `${theirs}.attn.in_proj_${leaf}`,
      ours: `${ours}.self_attn.${projection}.${leaf}`,
      part: { of: "theirs", index, count: 3 },
    })),
  );
  return [
    ...attention,
    ...pairsBelow(`${theirs}.attn.out_proj`, `${ours}.self_attn.out_proj`, LEAVES),
    ...pairsBelow(`${theirs}.ln_1`, `${ours}.layer_norm1`, LEAVES),
    ...pairsBelow(`${theirs}.ln_2`, `${ours}.layer_norm2`, LEAVES),
    ...pairsBelow(`${theirs}.mlp.c_fc`, `${ours}.mlp.fc1`, LEAVES),
    ...pairsBelow(`${theirs}.mlp.c_proj`, `${ours}.mlp.fc2`, LEAVES),
  ];
}

export const clipFormats: readonly Format<ClipConfig, ClipHints>[] = [
  {
    name: "OpenAI and open_clip",
    matches: (weights) => weights.has("visual.conv1.weight") || weights.has("module.visual.conv1.weight"),
    read: (all, hints) => {
      const weights = new Map(
        Array.from(without(all, NOT_WEIGHTS), ([name, weight]) => [
          name.replace(/^module\./, "").replace(OWN_TEXT, ""),
          weight,
        ]),
      );
      const named = toOurs(weights, openaiClipNames(layersOf(weights)));
      return { config: clipConfigFromShapes(named, hints), weights: named };
    },
  },
  {
    name: "Hugging Face",
    matches: (weights) => weights.has("vision_model.embeddings.patch_embedding.weight"),
    read: (all, hints) => {
      const weights = without(all, NOT_WEIGHTS);
      return { config: clipConfigFromShapes(weights, hints), weights };
    },
  },
];

/**
 * Reads a CLIP from a folder as Hugging Face or open_clip saves it, or from a weights file with the names of any of them
 * or of OpenAI, where shapes have to tell the configuration. No number is read.
 */
export function readClip(given: string, hints: ClipHints = {}): Published<ClipConfig> & { tokenizer?: ClipTokenizer } {
  const path = resolveModelPath(given);
  const opened = openWeights(path);
  const found = readAs(clipFormats, opened.weights, { path, kind: "CLIP", hints });
  const folder = statSync(path).isDirectory() ? path : dirname(path);
  const stated = statSync(path).isDirectory() ? readClipConfig(path) : undefined;
  const config = stated ?? found.config;
  const tokenizer = readTokenizer(folder, config.text.vocabSize, { required: folder === path });
  return { ...found, config, ...(tokenizer && { tokenizer }) };
}

function readTokenizer(
  folder: string,
  vocabSize: number,
  { required }: { required: boolean },
): ClipTokenizer | undefined {
  const file = ["tokenizer.json", "merges.txt"].map((name) => join(folder, name)).find((path) => existsSync(path));
  if (file === undefined) return undefined;
  const tokenizer = ClipTokenizer.fromFile(file);
  if (tokenizer.vocabSize === vocabSize) return tokenizer;
  // Beside a lone weights file it may belong to something else.
  if (!required) return undefined;
  throw new Error(`${file} has ${tokenizer.vocabSize} tokens, the weights are for ${vocabSize}`);
}

function readClipConfig(folder: string): ClipConfig | undefined {
  const file = ["config.json", "open_clip_config.json"]
    .map((name) => join(folder, name))
    .find((path) => existsSync(path));
  if (file === undefined) return undefined;
  const preprocessor = join(folder, "preprocessor_config.json");
  const [json, preprocessorJson] = [readJson(file), existsSync(preprocessor) ? readJson(preprocessor) : {}];
  try {
    return parseClipConfig(json, preprocessorJson);
  } catch (error) {
    throw new Error(`${file}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}
