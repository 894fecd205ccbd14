import type { StateDict } from "../nn/module.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { clipPresets, type ClipConfig, type ClipTowerConfig } from "./clip-config.ts";

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

// OpenAI multiplies by these from the right, a linear layer by its transposed weight.
const transposed: Readonly<Record<string, string>> = {
  "visual.proj": "visual_projection.weight",
  text_projection: "text_projection.weight",
};

const insideBlock: Readonly<Record<string, string>> = {
  "attn.out_proj": "self_attn.out_proj",
  ln_1: "layer_norm1",
  ln_2: "layer_norm2",
  "mlp.c_fc": "mlp.fc1",
  "mlp.c_proj": "mlp.fc2",
};

// Facts about the model and tables that can be computed; none of them is learned.
const notWeights = /(^|\.)(input_resolution|context_length|vocab_size|attn_mask|position_ids)$/;

/**
 * The weights of a published CLIP under the names of Hugging Face's `CLIPModel`, which are ours. Knows OpenAI's names,
 * both layouts of open_clip (with and without `text.`), Hugging Face's own, and the prefix `module.` of training wrappers.
 * Names that it does not know stay as they are, for the loader to complain about. The tensors are views of the given ones.
 * Throws for a CLIP with a ResNet.
 */
export function clipStateDict(state: StateDict): Map<string, Tensor> {
  const named = new Map<string, Tensor>();
  for (const [original, tensor] of state) {
    const name = original.replace(/^module\./, "");
    if (/^visual\.(layer1|attnpool)\./.test(name)) {
      throw new Error(
        `this CLIP sees with a ResNet (it has ${original}); only those with a vision transformer are known`,
      );
    }
    if (notWeights.test(name)) continue;
    for (const [newName, values] of renamed(name.replace(/^text\./, ""), tensor)) named.set(newName, values);
  }
  return named;
}

function renamed(name: string, tensor: Tensor): [string, Tensor][] {
  const turned = transposed[name];
  if (turned !== undefined) return [[turned, tensor.t()]];
  const [, visual, layer, part = "", kind = ""] =
    /^(visual\.)?transformer\.resblocks\.(\d+)\.(.+?)[._](weight|bias)$/.exec(name) ?? [];
  if (layer === undefined) return [[outside[name] ?? name, tensor]];
  const prefix = `${visual === undefined ? "text_model" : "vision_model"}.encoder.layers.${layer}`;
  if (part === "attn.in_proj") {
    const thirds = tensor.chunk(3);
    return ["q_proj", "k_proj", "v_proj"].flatMap((projection, i): [string, Tensor][] => {
      const third = thirds[i];
      return third ? [[`${prefix}.self_attn.${projection}.${kind}`, third]] : [];
    });
  }
  const newPart = insideBlock[part];
  return [[newPart === undefined ? name : `${prefix}.${newPart}.${kind}`, tensor]];
}

/** What shapes cannot tell; OpenAI's own values where left out. Heads: width / 64. */
export type ClipHints = Partial<Pick<ClipConfig, "activation" | "layerNormEps" | "imageMean" | "imageStd">> & {
  textHeads?: number;
  visionHeads?: number;
};

/**
 * The configuration of a CLIP, from the shapes of its weights under the names that `clipStateDict` gives.
 * Throws where a weight is missing.
 */
export function clipConfigFromShapes(state: StateDict, hints: ClipHints = {}): ClipConfig {
  const size = (name: string, dim: number): number => {
    const tensor = state.get(name);
    if (tensor) return tensor.size(dim);
    throw new Error(`these are not the weights of a CLIP with a vision transformer: ${name} is missing`);
  };
  const tower = (model: "text_model" | "vision_model", given: number | undefined): ClipTowerConfig => {
    const width = size(`${model}.embeddings.position_embedding.weight`, 1);
    const mlpWidth = size(`${model}.encoder.layers.0.mlp.fc1.weight`, 0);
    const layerNames = new RegExp(`^${model}\\.encoder\\.layers\\.\\d+\\.layer_norm1\\.weight$`);
    const layers = [...state.keys()].filter((name) => layerNames.test(name)).length;
    const heads = given ?? Math.max(1, Math.floor(width / 64));
    return { width, layers, heads, ...(mlpWidth === 4 * width ? {} : { mlpWidth }) };
  };
  const patchSize = size("vision_model.embeddings.patch_embedding.weight", -1);
  const patches = size("vision_model.embeddings.position_embedding.weight", 0) - 1;
  const openai = clipPresets["vit-b-32"];
  return {
    text: {
      ...tower("text_model", hints.textHeads),
      vocabSize: size("text_model.embeddings.token_embedding.weight", 0),
      contextLength: size("text_model.embeddings.position_embedding.weight", 0),
    },
    vision: {
      ...tower("vision_model", hints.visionHeads),
      imageSize: Math.round(Math.sqrt(patches)) * patchSize,
      patchSize,
    },
    embedDim: size("visual_projection.weight", 0),
    activation: hints.activation ?? openai.activation,
    layerNormEps: hints.layerNormEps ?? openai.layerNormEps,
    imageMean: hints.imageMean ?? openai.imageMean,
    imageStd: hints.imageStd ?? openai.imageStd,
  };
}
