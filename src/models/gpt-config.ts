import { z } from "zod";

/** Everything that decides the network. What comes after `dropout` tells published relatives from CLIP-GEN's own GPT. */
export type GptConfig = {
  /** V */
  codebookSize: number;
  /** L: 256 for a grid of 16×16. */
  tokenCount: number;
  /** D */
  conditionDim: number;
  layers: number;
  heads: number;
  /** C */
  width: number;
  dropout: number;
  /** P: how many vectors a condition has. 1, an embedding, where it is left out; LlamaGen's sentences have 120. */
  conditionLength?: number | undefined;
  /**
   * Condition to width: one linear map (where it is left out), the same without a bias (a table of classes, for
   * conditions that are one-hot), two with a GELU between (LlamaGen's captions), or none (taming-transformers).
   */
  conditionProj?: "linear" | "table" | "mlp" | "none" | undefined;
  /** "gpt2" where it is left out; "llama" has RMS norm, rotated positions, SwiGLU and no biases (LlamaGen). */
  architecture?: "gpt2" | "llama" | undefined;
  /** Inside the feed-forward parts; 4 · width where it is left out. */
  mlpWidth?: number | undefined;
  /** Whether the head has a bias; it has where this is left out. */
  headBias?: boolean | undefined;
  /** Whether the condition that guidance leads away from is learned; zeros where this is left out. */
  learnedNull?: boolean | undefined;
  /** Whether it can also be trained on tokens in any order; it draws row by row. */
  anyOrder?: boolean | undefined;
  /** Whether queries and keys are normalised within each head (Dehghani et al. 2023, arXiv 2302.05442): steadier in training. */
  qkNorm?: boolean | undefined;
  /** Whether it knows how far pictures lie from sentences on average, and moves what sentences ask for by as much. */
  textShift?: boolean | undefined;
  /** M: embeddings of training pictures that it keeps; what sentences ask for is looked up among them. None where it is left out. */
  memorySize?: number | undefined;
};

const size = z.number().int().positive();
/** What a `config.json` has to hold, in camelCase. */
export const gptConfig: z.ZodType<GptConfig> = z.object({
  codebookSize: size,
  tokenCount: size,
  conditionDim: size,
  layers: size.max(1000),
  heads: size,
  width: size,
  dropout: z.number().min(0).max(1),
  conditionLength: size.optional(),
  conditionProj: z.enum(["linear", "table", "mlp", "none"]).optional(),
  architecture: z.enum(["gpt2", "llama"]).optional(),
  mlpWidth: size.optional(),
  headBias: z.boolean().optional(),
  learnedNull: z.boolean().optional(),
  anyOrder: z.boolean().optional(),
  qkNorm: z.boolean().optional(),
  textShift: z.boolean().optional(),
  memorySize: size.max(1_000_000).optional(),
});

/** What of a configuration does not follow from VQGAN and CLIP. */
export type GptSize = Pick<
  GptConfig,
  "layers" | "heads" | "width" | "dropout" | "mlpWidth" | "architecture" | "qkNorm"
>;

/** What `GptSize` has to hold. */
export const gptSize = z.object({
  layers: size.max(1000),
  heads: size,
  width: size,
  dropout: z.number().min(0).max(1),
  mlpWidth: size.optional(),
  architecture: z.enum(["gpt2", "llama"]).optional(),
  qkNorm: z.boolean().optional(),
});

/** `paper` is the size of section 4.1; the others train on a CPU. */
export const gptPresets: Readonly<Record<"paper" | "small" | "tiny", GptSize>> = {
  paper: { layers: 24, heads: 16, width: 1024, dropout: 0.1 }, // 340M parameters with V = 16,384
  small: { layers: 8, heads: 6, width: 384, dropout: 0.1 }, // 15M
  tiny: { layers: 4, heads: 4, width: 192, dropout: 0 }, // 2M, for the synthetic scenes
};
