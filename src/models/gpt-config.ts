import { z } from "zod";

/** Everything that decides the network. */
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
};

const size = z.number().int().positive();
/** What a `config.json` has to hold, in camelCase. */
export const gptConfig: z.ZodType<GptConfig> = z.object({
  codebookSize: size,
  tokenCount: size,
  conditionDim: size,
  layers: size,
  heads: size,
  width: size,
  dropout: z.number().min(0).max(1),
});

/** What of a configuration does not follow from VQGAN and CLIP. */
export type GptSize = Pick<GptConfig, "layers" | "heads" | "width" | "dropout">;

/** `paper` is the size of section 4.1; the others train on a CPU. */
export const gptPresets: Readonly<Record<"paper" | "small" | "tiny", GptSize>> = {
  paper: { layers: 24, heads: 16, width: 1024, dropout: 0.1 }, // 340M parameters with V = 16,384
  small: { layers: 8, heads: 6, width: 384, dropout: 0.1 }, // 15M
  tiny: { layers: 4, heads: 4, width: 192, dropout: 0 }, // 2M, for the synthetic scenes
};
