import { z } from "zod";
import type { CodecConfig } from "./codec.ts";
import type { QuantizerConfig } from "./quantizer.ts";

/** Everything that decides the network. The names are those of taming-transformers' YAML, in camelCase. */
export type VqganConfig = CodecConfig &
  QuantizerConfig & {
    /** What the network itself takes and gives: [−1, 1], or [0, 1]. Callers always see [−1, 1]. */
    pixelRange: "signed" | "unit";
    /** Without an encoder, as min-dalle publishes it: tokens become pictures, pictures no tokens. */
    decoderOnly: boolean;
  };

const count = z.number().int().positive();

/** What a `config.json` has to hold, in camelCase; fields that came later have the value that published networks mean. */
export const vqganConfig: z.ZodType<VqganConfig> & z.ZodObject = z.object({
  resolution: count,
  inChannels: count.default(3),
  outCh: count.default(3),
  ch: count,
  chMult: z.array(count).min(1).max(16),
  numResBlocks: count.max(1000),
  attnResolutions: z.array(count),
  zChannels: count,
  doubleZ: z.boolean().default(false),
  dropout: z.number().min(0).max(1).default(0),
  patchSize: count.default(1),
  normGroups: count.default(32),
  groupNormEps: z.number().positive().default(1e-6),
  codebookSize: count,
  embedDim: count,
  beta: z.number().min(0).default(0.25),
  legacy: z.boolean().default(true),
  normalizeCodebook: z.boolean().default(false),
  quantizer: z.enum(["nearest", "gumbel"]).default("nearest"),
  klWeight: z.number().min(0).default(1e-8),
  rotationTrick: z.boolean().default(false),
  simVq: z.boolean().default(false),
  pixelRange: z.enum(["signed", "unit"]).default("signed"),
  decoderOnly: z.boolean().default(false),
});

/** The published f16 network (taming-transformers, `vqgan_imagenet_f16_16384`), which CLIP-GEN trains, too. */
const paper: VqganConfig = {
  resolution: 256,
  inChannels: 3,
  outCh: 3,
  ch: 128,
  chMult: [1, 1, 2, 2, 4],
  numResBlocks: 2,
  attnResolutions: [16],
  zChannels: 256,
  doubleZ: false,
  dropout: 0,
  patchSize: 1,
  normGroups: 32,
  groupNormEps: 1e-6,
  codebookSize: 16384,
  embedDim: 256,
  beta: 0.25,
  legacy: true,
  normalizeCodebook: false,
  quantizer: "nearest",
  klWeight: 1e-8,
  rotationTrick: false,
  simVq: false,
  pixelRange: "signed",
  decoderOnly: false,
};

/** `paper` needs a GPU to train; the others train on a CPU. */
export const vqganPresets: Readonly<Record<"paper" | "small128" | "small64" | "tiny32", VqganConfig>> = {
  paper,
  // 128×128 pixels → 8×8 tokens, 7M parameters. Few tokens, so that a GPT can be trained on a CPU, and many codes for each.
  small128: {
    ...paper,
    resolution: 128,
    ch: 64,
    chMult: [1, 2, 3],
    numResBlocks: 1,
    attnResolutions: [],
    zChannels: 128,
    patchSize: 4,
    codebookSize: 4096,
    embedDim: 8,
    legacy: false,
    normalizeCodebook: true,
    rotationTrick: true,
  },
  // 64×64 pixels → 8×8 tokens, 2.8M parameters.
  small64: {
    ...paper,
    resolution: 64,
    ch: 64,
    chMult: [1, 2],
    numResBlocks: 1,
    attnResolutions: [],
    zChannels: 64,
    patchSize: 4,
    codebookSize: 1024,
    embedDim: 8,
    legacy: false,
    normalizeCodebook: true,
    rotationTrick: true,
  },
  // 32×32 pixels → 4×4 tokens: few, so that the GPT of the demo sees many pictures in its minutes.
  tiny32: {
    ...paper,
    resolution: 32,
    ch: 32,
    chMult: [1, 2],
    numResBlocks: 1,
    attnResolutions: [],
    zChannels: 64,
    patchSize: 4,
    codebookSize: 1024,
    embedDim: 8,
    legacy: false,
    normalizeCodebook: true,
  },
};
