import { problemsOf } from "../io/json.ts";
import { z } from "zod";
import { clipPresets, isResNet, type ClipConfig, type ClipTowerConfig, type VitConfig } from "./clip-config.ts";

// Hugging Face leaves out what is as in openai/clip-vit-base-patch32; open_clip leaves out what is as OpenAI had it.
const published = clipPresets["vit-b-32"];
const publishedVision: VitConfig = { width: 768, layers: 12, heads: 12, imageSize: 224, patchSize: 32 };
const size = z.number().int().positive();
const layerCount = size.max(1000);
const channels = z.tuple([z.number(), z.number(), z.number()]);

const tower = (defaults: ClipTowerConfig): z.ZodObject<Record<TowerKey, z.ZodDefault<z.ZodNumber>>> =>
  z.object({
    hidden_size: size.default(defaults.width),
    intermediate_size: size.default(4 * defaults.width),
    num_hidden_layers: layerCount.default(defaults.layers),
    num_attention_heads: size.default(defaults.heads),
    layer_norm_eps: z.number().positive().default(published.layerNormEps),
  });
type TowerKey = "hidden_size" | "intermediate_size" | "num_hidden_layers" | "num_attention_heads" | "layer_norm_eps";

const activation = z.enum(["quick_gelu", "gelu"]).default("quick_gelu");

const huggingFace = z.object({
  // Relatives of CLIP (SigLIP, AltCLIP …) have the same fields and another arithmetic.
  model_type: z.literal("clip").default("clip"),
  projection_dim: size.default(published.embedDim),
  text_config: tower(published.text)
    .extend({
      vocab_size: size.default(published.text.vocabSize),
      max_position_embeddings: size.default(published.text.contextLength),
      hidden_act: activation,
    })
    .prefault({}),
  vision_config: tower(publishedVision)
    .extend({
      image_size: size.default(publishedVision.imageSize),
      patch_size: size.default(publishedVision.patchSize),
      hidden_act: activation,
    })
    .prefault({}),
});

const preprocessor = z.object({
  image_mean: channels.default([...published.imageMean]),
  image_std: channels.default([...published.imageStd]),
});

const openClip = z.object({
  model_cfg: z.object({
    embed_dim: size,
    quick_gelu: z.boolean().default(false),
    // ResNets have a list of layers and no patches; models of other libraries have neither.
    vision_cfg: z.union([
      z.object({
        layers: layerCount,
        width: size,
        image_size: size,
        patch_size: size,
        head_width: size.default(64),
        mlp_ratio: z.number().positive().default(4),
      }),
      z.object({
        layers: z.tuple([layerCount, layerCount, layerCount, layerCount]),
        width: size,
        image_size: size,
        head_width: size.default(64),
      }),
    ]),
    text_cfg: z.object({
      layers: layerCount,
      width: size,
      heads: size,
      context_length: size.default(published.text.contextLength),
      vocab_size: size.default(published.text.vocabSize),
      mlp_ratio: z.number().positive().default(4),
    }),
  }),
  preprocess_cfg: z
    .object({ mean: channels.default([...published.imageMean]), std: channels.default([...published.imageStd]) })
    .prefault({}),
});

/**
 * A CLIP's configuration from Hugging Face's `config.json` (with `preprocessor_config.json`, where there is one) or
 * from `open_clip_config.json`. Throws an error that names every field that is missing or unknown.
 */
export function parseClipConfig(json: unknown, preprocessorJson: unknown = {}): ClipConfig {
  const isOpenClip = typeof json === "object" && json !== null && "model_cfg" in json;
  return isOpenClip ? fromOpenClip(check(openClip, json)) : fromHuggingFace(json, preprocessorJson);
}

function fromHuggingFace(json: unknown, preprocessorJson: unknown): ClipConfig {
  const { projection_dim, text_config: text, vision_config: vision } = check(huggingFace, json);
  const { image_mean, image_std } = check(preprocessor, preprocessorJson);
  if (text.hidden_act !== vision.hidden_act || text.layer_norm_eps !== vision.layer_norm_eps) {
    throw new Error("CLIP's configuration has different activations or epsilons for text and pictures: not supported");
  }
  return {
    text: { ...towerOf(text), vocabSize: text.vocab_size, contextLength: text.max_position_embeddings },
    vision: { ...towerOf(vision), imageSize: vision.image_size, patchSize: vision.patch_size },
    embedDim: projection_dim,
    activation: text.hidden_act,
    layerNormEps: text.layer_norm_eps,
    imageMean: image_mean,
    imageStd: image_std,
  };
}

function fromOpenClip({ model_cfg, preprocess_cfg }: z.infer<typeof openClip>): ClipConfig {
  const { vision_cfg: vision, text_cfg: text } = model_cfg;
  return {
    text: {
      ...withMlp({ width: text.width, layers: text.layers, heads: text.heads }, text.width * text.mlp_ratio),
      vocabSize: text.vocab_size,
      contextLength: text.context_length,
    },
    vision: visionOf(vision),
    embedDim: model_cfg.embed_dim,
    activation: model_cfg.quick_gelu ? "quick_gelu" : "gelu",
    layerNormEps: published.layerNormEps,
    imageMean: preprocess_cfg.mean,
    imageStd: preprocess_cfg.std,
  };
}

function visionOf(vision: z.infer<typeof openClip>["model_cfg"]["vision_cfg"]): ClipConfig["vision"] {
  const { width, image_size: imageSize, head_width: headWidth } = vision;
  if (!("patch_size" in vision)) {
    return { layers: vision.layers, width, heads: Math.floor((width * 32) / headWidth), imageSize };
  }
  const sizes = { width, layers: vision.layers, heads: Math.floor(width / headWidth) };
  return { ...withMlp(sizes, width * vision.mlp_ratio), imageSize, patchSize: vision.patch_size };
}

function towerOf(json: Record<TowerKey, number>): ClipTowerConfig {
  const { hidden_size: width, num_hidden_layers: layers, num_attention_heads: heads } = json;
  return withMlp({ width, layers, heads }, json.intermediate_size);
}

function withMlp(config: ClipTowerConfig, mlpWidth: number): ClipTowerConfig {
  const whole = Math.floor(mlpWidth);
  return whole === 4 * config.width ? config : { ...config, mlpWidth: whole };
}

function check<T>(schema: z.ZodType<T>, json: unknown): T {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new Error(`this is no configuration of a CLIP: ${problemsOf(parsed.error)}`);
}

/** What Hugging Face's `CLIPModel` and `CLIPImageProcessor` read: `config.json` and `preprocessor_config.json`. */
export function clipConfigJson(
  config: ClipConfig,
  tokens: { startToken: number; endToken: number } = {
    startToken: config.text.vocabSize - 2,
    endToken: config.text.vocabSize - 1,
  },
): { config: Record<string, unknown>; preprocessor: Record<string, unknown> } {
  const { text, vision } = config;
  if (isResNet(vision)) throw new Error("Hugging Face's CLIPModel has no ResNet; save it for open_clip");
  const towerJson = (sizes: ClipTowerConfig): Record<string, unknown> => ({
    hidden_size: sizes.width,
    intermediate_size: sizes.mlpWidth ?? 4 * sizes.width,
    num_hidden_layers: sizes.layers,
    num_attention_heads: sizes.heads,
    hidden_act: config.activation,
    layer_norm_eps: config.layerNormEps,
    projection_dim: config.embedDim,
  });
  return {
    config: {
      architectures: ["CLIPModel"],
      model_type: "clip",
      projection_dim: config.embedDim,
      text_config: {
        model_type: "clip_text_model",
        ...towerJson(text),
        vocab_size: text.vocabSize,
        max_position_embeddings: text.contextLength,
        bos_token_id: tokens.startToken,
        eos_token_id: tokens.endToken,
        pad_token_id: 0,
      },
      vision_config: {
        model_type: "clip_vision_model",
        ...towerJson(vision),
        image_size: vision.imageSize,
        patch_size: vision.patchSize,
        num_channels: 3,
      },
    },
    preprocessor: {
      image_processor_type: "CLIPImageProcessor",
      do_resize: true,
      size: { shortest_edge: vision.imageSize },
      resample: 3,
      do_center_crop: true,
      crop_size: { height: vision.imageSize, width: vision.imageSize },
      do_normalize: true,
      image_mean: [...config.imageMean],
      image_std: [...config.imageStd],
    },
  };
}

/** What open_clip reads: `open_clip_config.json`. */
export function openClipConfigJson(config: ClipConfig): Record<string, unknown> {
  const { text, vision } = config;
  const seen = isResNet(vision)
    ? { layers: [...vision.layers], head_width: (vision.width * 32) / vision.heads }
    : {
        layers: vision.layers,
        patch_size: vision.patchSize,
        head_width: vision.width / vision.heads,
        ...ratio(vision),
      };
  return {
    model_cfg: {
      embed_dim: config.embedDim,
      quick_gelu: config.activation === "quick_gelu",
      vision_cfg: { image_size: vision.imageSize, width: vision.width, ...seen },
      text_cfg: {
        context_length: text.contextLength,
        vocab_size: text.vocabSize,
        width: text.width,
        heads: text.heads,
        layers: text.layers,
        ...ratio(text),
      },
    },
    preprocess_cfg: { mean: [...config.imageMean], std: [...config.imageStd] },
  };
}

function ratio({ width, mlpWidth }: ClipTowerConfig): object {
  return mlpWidth === undefined ? {} : { mlp_ratio: mlpWidth / width };
}
