import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { ClipTokenizer } from "../io/tokenizers/clip-tokenizer.ts";
import { clipConfigFromShapes, clipStateDict, type ClipHints } from "./clip-checkpoint.ts";
import type { ClipConfig } from "./clip-config.ts";
import type { Clip } from "./clip.ts";
import { readJson, readWeights, saveNetwork, writeJson } from "./pretrained.ts";

// A CLIP on disk is what Hugging Face's CLIPModel saves: config.json, model.safetensors, tokenizer.json and
// preprocessor_config.json. Weights decide sizes; the JSON adds what shapes cannot tell.

const tower = z.looseObject({
  num_attention_heads: z.number().int().positive().optional(),
  hidden_act: z.enum(["quick_gelu", "gelu"]).optional(),
  layer_norm_eps: z.number().positive().optional(),
});
const huggingFaceConfig = z.looseObject({ text_config: tower.optional(), vision_config: tower.optional() });
const rgb = z.tuple([z.number(), z.number(), z.number()]);
const preprocessor = z.looseObject({ image_mean: rgb.optional(), image_std: rgb.optional() });

export type LoadedClip = { config: ClipConfig; state: ReturnType<typeof clipStateDict>; tokenizer?: ClipTokenizer };

/** Reads a CLIP from a folder as Hugging Face saves it, or from a weights file with OpenAI's or open_clip's names. */
export function readClip(path: string): LoadedClip {
  const state = clipStateDict(readWeights(path));
  const folder = statSync(path).isDirectory() ? path : undefined;
  const config = clipConfigFromShapes(state, folder === undefined ? {} : readHints(folder));
  const file = folder === undefined ? undefined : join(folder, "tokenizer.json");
  if (file === undefined || !existsSync(file)) return { config, state };
  const tokenizer = ClipTokenizer.fromFile(file);
  if (tokenizer.vocabSize > config.text.vocabSize) {
    throw new Error(`${file} has ${tokenizer.vocabSize} tokens, the weights have ${config.text.vocabSize}`);
  }
  return { config, state, tokenizer };
}

function readHints(folder: string): ClipHints {
  const hints: ClipHints = {};
  if (existsSync(join(folder, "config.json"))) {
    const { text_config: text, vision_config: vision } = parse(huggingFaceConfig, join(folder, "config.json"));
    const activation = vision?.hidden_act ?? text?.hidden_act;
    const eps = vision?.layer_norm_eps ?? text?.layer_norm_eps;
    if (activation) hints.activation = activation;
    if (eps !== undefined) hints.layerNormEps = eps;
    if (text?.num_attention_heads !== undefined) hints.textHeads = text.num_attention_heads;
    if (vision?.num_attention_heads !== undefined) hints.visionHeads = vision.num_attention_heads;
  }
  if (existsSync(join(folder, "preprocessor_config.json"))) {
    const { image_mean: mean, image_std: std } = parse(preprocessor, join(folder, "preprocessor_config.json"));
    if (mean) hints.imageMean = mean;
    if (std) hints.imageStd = std;
  }
  return hints;
}

function parse<T>(schema: z.ZodType<T>, file: string): T {
  const parsed = schema.safeParse(readJson(file));
  if (!parsed.success) throw new Error(`${file} is no configuration of a CLIP: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

/** Writes a CLIP so that Hugging Face's `CLIPModel.from_pretrained` reads it, too. */
export function saveClip(folder: string, clip: Clip, options: { dtype?: "float32" | "bfloat16" } = {}): void {
  const { text, vision, embedDim, activation, layerNormEps, imageMean, imageStd } = clip.config;
  const shared = { hidden_act: activation, layer_norm_eps: layerNormEps, projection_dim: embedDim };
  const sizes = ({ width, layers, heads, mlpWidth = 4 * width }: typeof text | typeof vision): object => ({
    hidden_size: width,
    intermediate_size: mlpWidth,
    num_hidden_layers: layers,
    num_attention_heads: heads,
  });
  const endToken = text.vocabSize - 1;
  const config = {
    architectures: ["CLIPModel"],
    projection_dim: embedDim,
    text_config: {
      model_type: "clip_text_model",
      ...sizes(text),
      ...shared,
      vocab_size: text.vocabSize,
      max_position_embeddings: text.contextLength,
      bos_token_id: endToken - 1,
      eos_token_id: endToken,
    },
    vision_config: {
      model_type: "clip_vision_model",
      ...sizes(vision),
      ...shared,
      image_size: vision.imageSize,
      patch_size: vision.patchSize,
    },
  };
  saveNetwork(folder, { modelType: "clip", config, module: clip, ...options });
  writeJson(join(folder, "preprocessor_config.json"), {
    image_processor_type: "CLIPImageProcessor",
    do_resize: true,
    size: { shortest_edge: vision.imageSize },
    resample: 3,
    do_center_crop: true,
    crop_size: { height: vision.imageSize, width: vision.imageSize },
    do_rescale: true,
    rescale_factor: 1 / 255,
    do_normalize: true,
    image_mean: imageMean,
    image_std: imageStd,
    do_convert_rgb: true,
  });
  if (clip.tokenizer) writeJson(join(folder, "tokenizer.json"), clip.tokenizer.toJson());
}
