/** Sizes of one of CLIP's two transformers. */
export type ClipTowerConfig = {
  width: number;
  layers: number;
  heads: number;
  /** Width inside the feed-forward parts; 4 · width where it is left out. */
  mlpWidth?: number;
};

/** "quick_gelu" is x σ(1.702 x), as OpenAI trained; "gelu" the exact one, as most later models have it. */
export type ClipActivation = "quick_gelu" | "gelu";

/** A vision transformer. */
export type VitConfig = ClipTowerConfig & { imageSize: number; patchSize: number };

/** A ResNet as openai/CLIP has them: blocks of each stage, channels after the stem, heads of the attention at its end. */
export type ResNetConfig = {
  layers: readonly [number, number, number, number];
  width: number;
  heads: number;
  imageSize: number;
};

export function isResNet(vision: VitConfig | ResNetConfig): vision is ResNetConfig {
  return Array.isArray(vision.layers);
}

/** Everything that a `Clip` is built from. */
export type ClipConfig = {
  text: ClipTowerConfig & { vocabSize: number; contextLength: number };
  vision: VitConfig | ResNetConfig;
  /** Width of the common space. */
  embedDim: number;
  activation: ClipActivation;
  layerNormEps: number;
  /** Mean and deviation of red, green and blue in [0, 1], which pictures lose before they are encoded. */
  imageMean: readonly [number, number, number];
  imageStd: readonly [number, number, number];
};

/** What of a CLIP's configuration its pictures depend on. */
export type ClipImageConfig = Pick<ClipConfig, "imageMean" | "imageStd"> & { vision: { imageSize: number } };

const openai = {
  activation: "quick_gelu",
  layerNormEps: 1e-5,
  imageMean: [0.48145466, 0.4578275, 0.40821073],
  imageStd: [0.26862954, 0.26130258, 0.27577711],
} as const satisfies Partial<ClipConfig>;

export type ClipPresetName = "vit-b-32" | "tiny32" | "small64" | "resnet64";

/** Named sizes: OpenAI's ViT-B/32, and three for training one's own on small pictures, with a vocabulary of one's own. */
export const clipPresets: Readonly<Record<ClipPresetName, ClipConfig>> = {
  "vit-b-32": {
    text: { vocabSize: 49_408, contextLength: 77, width: 512, layers: 12, heads: 8 },
    vision: { imageSize: 224, patchSize: 32, width: 768, layers: 12, heads: 12 },
    embedDim: 512,
    ...openai,
  },
  // 32×32 pictures, minutes on a CPU.
  tiny32: {
    text: { vocabSize: 768, contextLength: 32, width: 128, layers: 2, heads: 4 },
    vision: { imageSize: 32, patchSize: 8, width: 128, layers: 3, heads: 2 },
    embedDim: 128,
    ...openai,
    activation: "gelu",
  },
  small64: {
    text: { vocabSize: 4096, contextLength: 32, width: 192, layers: 3, heads: 3 },
    vision: { imageSize: 64, patchSize: 8, width: 192, layers: 4, heads: 3 },
    embedDim: 192,
    ...openai,
  },
  // Sees pictures by convolutions: to judge what was trained and ranked with another CLIP.
  resnet64: {
    text: { vocabSize: 4096, contextLength: 32, width: 192, layers: 2, heads: 4 },
    vision: { layers: [1, 1, 1, 1], width: 32, heads: 16, imageSize: 64 },
    embedDim: 256,
    ...openai,
    activation: "gelu",
  },
};
