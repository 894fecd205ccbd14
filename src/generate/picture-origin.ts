import { z } from "zod";

/** Another sentence, or picture's file, and its share of the condition. */
export type BlendOrigin = { prompt: string; weight: number } | { picture: string; weight: number };

/** Everything that is needed to draw a picture again; it travels inside the PNG. */
export type PictureOrigin = {
  /** What the picture comes from, where it is not the GPT: codes that were optimised, or a picture that was found. */
  method?: "vqgan-clip" | "retrieval";
  /** The sentence, or the picture's file that was varied. */
  prompt: string;
  /** Set when a picture was varied. */
  varied?: true;
  /** What was blended in; the prompt has the rest of the weight. */
  blend?: readonly BlendOrigin[];
  /** The sentence that guidance led away from. */
  negativePrompt?: string;
  seed: number;
  /** Where it stood in the batch that it was drawn in, where there were others: rounding depends on it. */
  batch?: { row: number; rows: number };
  /** Cosine between CLIP's embeddings of the prompt and of the picture. */
  score: number;
  /** Of sampling; beam search has none. */
  temperature?: number;
  topK?: number;
  topP?: number;
  /** Of sampling and beam search. */
  guidanceScale?: number;
  /** Of VQGAN-CLIP. */
  steps?: number;
  cutouts?: number;
  lr?: number;
  /** Of retrieval: the picture that was found. */
  source?: string;
  /** Set when beam search drew the picture; no chance is involved then. */
  beams?: number;
  model: string;
  /** What the model computed in: others round otherwise. */
  precision?: "float32" | "bfloat16" | "int8";
};

/** An origin as it comes out of a PNG. */
export const pictureOrigin: z.ZodType<PictureOrigin> = z.object({
  method: z.enum(["vqgan-clip", "retrieval"]).exactOptional(),
  prompt: z.string(),
  varied: z.literal(true).exactOptional(),
  blend: z
    .array(
      z.union([
        z.object({ prompt: z.string(), weight: z.number() }),
        z.object({ picture: z.string(), weight: z.number() }),
      ]),
    )
    .exactOptional(),
  negativePrompt: z.string().exactOptional(),
  seed: z.number(),
  batch: z.object({ row: z.number(), rows: z.number() }).exactOptional(),
  score: z.number(),
  temperature: z.number().exactOptional(),
  topK: z.number().exactOptional(),
  topP: z.number().exactOptional(),
  guidanceScale: z.number().exactOptional(),
  steps: z.number().exactOptional(),
  cutouts: z.number().exactOptional(),
  lr: z.number().exactOptional(),
  source: z.string().exactOptional(),
  beams: z.number().exactOptional(),
  model: z.string(),
  precision: z.enum(["float32", "bfloat16", "int8"]).exactOptional(),
});
