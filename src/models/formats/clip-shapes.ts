import type { Weights } from "../../io/weight.ts";
import {
  clipPresets,
  type ClipConfig,
  type ClipTowerConfig,
  type ResNetConfig,
  type VitConfig,
} from "../clip-config.ts";
import { countLayers, sizeOf } from "./name-pairs.ts";

const NETWORK = "a CLIP";

/** What shapes cannot tell; OpenAI's own values where left out. Heads: width / 64. */
export type ClipHints = Partial<Pick<ClipConfig, "activation" | "layerNormEps" | "imageMean" | "imageStd">> & {
  textHeads?: number;
  visionHeads?: number;
};

/** A CLIP's configuration from the shapes of its weights, under our names. Throws where a weight is missing. */
export function clipConfigFromShapes(weights: Weights, hints: ClipHints = {}): ClipConfig {
  const size = (name: string, axis: number): number => sizeOf(weights, name, axis, NETWORK);
  const openai = clipPresets["vit-b-32"];
  const isResNet = weights.has("vision_model.layer1.0.conv1.weight");
  return {
    text: {
      ...towerFromShapes(weights, "text_model", hints.textHeads),
      vocabSize: size("text_model.embeddings.token_embedding.weight", 0),
      contextLength: size("text_model.embeddings.position_embedding.weight", 0),
    },
    vision: isResNet ? resNetFromShapes(weights, hints) : vitFromShapes(weights, hints),
    embedDim: size("text_projection.weight", 0),
    activation: hints.activation ?? openai.activation,
    layerNormEps: hints.layerNormEps ?? openai.layerNormEps,
    imageMean: hints.imageMean ?? openai.imageMean,
    imageStd: hints.imageStd ?? openai.imageStd,
  };
}

function vitFromShapes(weights: Weights, { visionHeads }: ClipHints): VitConfig {
  const patchSize = sizeOf(weights, "vision_model.embeddings.patch_embedding.weight", -1, NETWORK);
  const patches = sizeOf(weights, "vision_model.embeddings.position_embedding.weight", 0, NETWORK) - 1;
  const imageSize = Math.round(Math.sqrt(patches)) * patchSize;
  return { ...towerFromShapes(weights, "vision_model", visionHeads), imageSize, patchSize };
}

function resNetFromShapes(weights: Weights, { visionHeads }: ClipHints): ResNetConfig {
  const blocks = (stage: number): number =>
    countLayers(weights, new RegExp(`^vision_model\\.layer${stage}\\.(\\d+)\\.`));
  const width = sizeOf(weights, "vision_model.layer1.0.conv1.weight", 0, NETWORK);
  const places = sizeOf(weights, "vision_model.attnpool.positional_embedding", 0, NETWORK) - 1;
  return {
    layers: [blocks(1), blocks(2), blocks(3), blocks(4)],
    width,
    heads: visionHeads ?? Math.max(1, Math.floor((width * 32) / 64)),
    imageSize: Math.round(Math.sqrt(places)) * 32,
  };
}

function towerFromShapes(
  weights: Weights,
  model: "text_model" | "vision_model",
  heads: number | undefined,
): ClipTowerConfig {
  const width = sizeOf(weights, `${model}.embeddings.position_embedding.weight`, 1, NETWORK);
  const mlpWidth = sizeOf(weights, `${model}.encoder.layers.0.mlp.fc1.weight`, 0, NETWORK);
  return {
    width,
    layers: countLayers(weights, new RegExp(`^${model}\\.encoder\\.layers\\.(\\d+)\\.`)),
    heads: heads ?? Math.max(1, Math.floor(width / 64)),
    ...(mlpWidth !== 4 * width && { mlpWidth }),
  };
}
