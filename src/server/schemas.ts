import { z } from "@hono/zod-openapi";
import { pictureOrigin } from "../generate/picture-origin.ts";

// What comes in and what goes out: validation, types and the OpenAPI description are all made of these.

/** Characters of a sentence. CLIP reads the first 75 or so tokens of it. */
const MOST_CHARACTERS = 2000;
/** Pictures of one request. */
const MOST_PICTURES = 16;
/** Candidates of one request: one batch of the sampler. */
const MOST_CANDIDATES = 64;
const MOST_PIXELS = 2048;

const sentence = z.string().max(MOST_CHARACTERS);

const size = z
  .string()
  .regex(/^(auto|[1-9]\d{1,3}x[1-9]\d{1,3})$/)
  .refine((value) => value === "auto" || isSquare(value), {
    message: `expected "auto", or a square such as "512x512", from 16 to ${MOST_PIXELS} pixels`,
  })
  .openapi({
    example: "256x256",
    description: `The picture is drawn in the model's own size, and enlarged or made smaller to this one: "auto" leaves it, others are squares from 16x16 to ${MOST_PIXELS}x${MOST_PIXELS}.`,
  });

function isSquare(value: string): boolean {
  const [width = 0, height = 0] = value.split("x").map(Number);
  return width === height && width >= 16 && width <= MOST_PIXELS;
}

/** What OpenAI's clients may send that changes nothing here. */
const passedOver = {
  quality: z.string().max(20).nullish(),
  style: z.string().max(20).nullish(),
  background: z.string().max(20).nullish(),
  moderation: z.string().max(20).nullish(),
  output_compression: z.number().int().min(0).max(100).nullish(),
};

/** How a picture is drawn: ours. */
const sampling = {
  seed: z
    .number()
    .int()
    .min(0)
    .max(Number.MAX_SAFE_INTEGER - MOST_CANDIDATES)
    .nullish()
    .openapi({
      description: "The same seed draws the same picture. Where none is given it is chosen by chance, and told.",
    }),
  temperature: z.number().min(0).max(10).nullish().openapi({ description: "Default 1." }),
  top_k: z.number().int().min(1).max(1_000_000).nullish(),
  top_p: z.number().min(0).max(1).nullish().openapi({ description: "Default 0.9." }),
  beam: z
    .number()
    .int()
    .min(1)
    .max(MOST_PICTURES)
    .nullish()
    .openapi({ description: "Beam search in place of chance." }),
  guidance_scale: z.number().min(0).max(20).nullish().openapi({ description: "Default 1: off." }),
  negative_prompt: sentence.nullish().openapi({ description: "What guidance leads away from; needs guidance_scale." }),
  candidates: z
    .number()
    .int()
    .min(1)
    .max(MOST_CANDIDATES)
    .nullish()
    .openapi({ description: "How many to draw, of which CLIP picks the n best. Default: n." }),
};

const common = {
  model: z.string().max(200).nullish().openapi({ description: "The model that is served, or nothing." }),
  n: z.number().int().min(1).max(MOST_PICTURES).nullish().openapi({ description: "Default 1." }),
  size: size.nullish(),
  response_format: z.enum(["b64_json", "url"]).nullish().openapi({ description: "Default b64_json." }),
  output_format: z.enum(["png", "jpeg", "webp"]).nullish().openapi({ description: "Default png." }),
  user: z.string().max(256).nullish(),
  ...sampling,
};

const partialImages = z
  .number()
  .int()
  .min(0)
  .max(64)
  .nullish()
  .openapi({ description: "How often a picture is shown while it is drawn, where it streams." });

export const generationRequest = z
  .strictObject({
    prompt: sentence.min(1),
    blend: z
      .array(
        z.union([
          z.strictObject({ prompt: sentence.min(1), weight: z.number().min(0).max(1) }),
          z.strictObject({ picture: z.string().max(64), weight: z.number().min(0).max(1) }),
        ]),
      )
      .max(8)
      .nullish()
      .openapi({
        description:
          "Sentences, or the gallery's pictures by their id, to blend in, each with its share; the prompt has what is left of 1.",
      }),
    batch: z
      .strictObject({ row: z.number().int().min(0), rows: z.number().int().min(1).max(MOST_CANDIDATES) })
      .refine(({ row, rows }) => row < rows, { message: "row counts from 0 and is less than rows" })
      .nullish()
      .openapi({
        description: "For one picture: where it stood in the batch that it was drawn in, so that it rounds as it did.",
      }),
    stream: z.boolean().nullish().openapi({ description: "Server-sent events: pictures as they are drawn." }),
    partial_images: partialImages,
    ...common,
    ...passedOver,
  })
  .openapi("ImageGenerationRequest");
export type GenerationRequest = z.infer<typeof generationRequest>;

/** In a form everything is text. */
const numbers = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => (typeof value === "string" ? Number(value) : value), schema);

export const variationRequest = z
  .strictObject({
    image: z.file().openapi({ type: "string", format: "binary", description: "PNG, JPEG, WebP, GIF, AVIF or TIFF." }),
    ...common,
    n: numbers(common.n),
    seed: numbers(sampling.seed),
    temperature: numbers(sampling.temperature),
    top_k: numbers(sampling.top_k),
    top_p: numbers(sampling.top_p),
    beam: numbers(sampling.beam),
    guidance_scale: numbers(sampling.guidance_scale),
    candidates: numbers(sampling.candidates),
  })
  .openapi("ImageVariationRequest");
export type VariationRequest = z.infer<typeof variationRequest>;

/** A variation that can be watched. */
export const jobVariationRequest = variationRequest
  .extend({ stream: z.stringbool().nullish(), partial_images: numbers(partialImages) })
  .openapi("JobVariationRequest");

export const image = z
  .object({
    b64_json: z.string().optional(),
    url: z.string().optional(),
    id: z.string().openapi({ description: "In the gallery." }),
    seed: z.number(),
    score: z.number().openapi({ description: "Cosine between CLIP's embeddings of the words and of the picture." }),
  })
  .openapi("Image");

export const imagesResponse = z
  .object({
    created: z.number().openapi({ description: "Seconds since 1970." }),
    data: z.array(image),
    size: z.string(),
    output_format: z.string(),
    note: z.string().optional().openapi({ description: "Where the words may be outside of what the model knows." }),
    usage: z.object({
      input_tokens: z.number(),
      output_tokens: z.number(),
      total_tokens: z.number(),
      input_tokens_details: z.object({ text_tokens: z.number(), image_tokens: z.number() }),
    }),
  })
  .openapi("ImagesResponse");
export type ImagesResponse = z.infer<typeof imagesResponse>;

export const errorBody = z
  .object({
    error: z.object({
      message: z.string(),
      type: z.string(),
      param: z.string().nullable(),
      code: z.string().nullable(),
    }),
  })
  .openapi("Error");

export const modelInfo = z
  .object({
    id: z.string(),
    object: z.literal("model"),
    created: z.number(),
    owned_by: z.string(),
    picture_size: z.number(),
    token_rows: z.number(),
  })
  .openapi("Model");

export const galleryEntry = z
  .object({
    id: z.string(),
    created: z.number(),
    size: z.number(),
    url: z.string(),
    origin: pictureOrigin,
    command: z.string().openapi({ description: "The command that draws it again." }),
  })
  .openapi("GalleryEntry");
export type GalleryItem = z.infer<typeof galleryEntry>;

export const job = z
  .object({
    id: z.string(),
    state: z.enum(["queued", "running", "done", "failed", "cancelled"]),
    created: z.number(),
    prompt: z.string(),
    count: z.number(),
    seed: z.number(),
    ahead: z.number().openapi({ description: "Jobs that come before this one." }),
    progress: z.object({ tokens: z.number(), length: z.number() }).optional(),
    pictures: z.array(galleryEntry),
    error: z.string().optional(),
    note: z.string().optional(),
  })
  .openapi("Job");
export type JobView = z.infer<typeof job>;

export const runInfo = z
  .object({
    id: z.string(),
    name: z.string(),
    stage: z.string(),
    state: z.enum(["running", "finished", "stopped"]),
    step: z.number(),
    steps: z.number().optional(),
    pictures_per_second: z.number().optional(),
    seconds_left: z.number().optional(),
    changed: z.number(),
    newest: z.record(z.string(), z.number()),
  })
  .openapi("Run");
export type RunView = z.infer<typeof runInfo>;

export const runDetails = runInfo
  .extend({
    config: z.unknown(),
    log: z.array(z.string()),
    samples: z.array(z.object({ name: z.string(), step: z.number() })),
  })
  .openapi("RunDetails");
export type RunDetailsView = z.infer<typeof runDetails>;

export const runMetrics = z
  .object({
    steps: z.array(z.number()),
    values: z.record(z.string(), z.array(z.number().nullable())),
  })
  .openapi("RunMetrics");
export type RunMetricsView = z.infer<typeof runMetrics>;
