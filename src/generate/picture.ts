import { writeFileExclusive } from "../io/atomic.ts";
import { addPngText } from "../io/png-text.ts";

/** Another sentence, or picture's file, and its share of the condition. */
export type BlendOrigin = { prompt: string; weight: number } | { picture: string; weight: number };

/** Everything that is needed to draw a picture again; it travels inside the PNG. */
export type PictureOrigin = {
  /** What the picture comes from, where it is not the GPT: codes that were optimised, or a picture that was found. */
  method?: "vqgan-clip" | "retrieval";
  /** The sentence, or the picture's file that was varied. */
  prompt: string;
  /** What was blended in; the prompt has the rest of the weight. */
  blend?: readonly BlendOrigin[];
  /** The sentence that guidance led away from. */
  negativePrompt?: string;
  seed: number;
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
};

/** What a picture is made of. */
export type PictureParts = {
  pixels: Uint8Array;
  size: number;
  origin: PictureOrigin;
  tokens: readonly number[];
};

/** A picture that was drawn, with where it came from. */
export class GeneratedPicture {
  /** (size, size, 3) RGB bytes. */
  readonly pixels: Uint8Array;
  readonly size: number;
  readonly origin: PictureOrigin;
  /** (h·w) VQGAN's tokens. */
  readonly tokens: readonly number[];

  constructor(parts: PictureParts) {
    this.pixels = parts.pixels;
    this.size = parts.size;
    this.origin = parts.origin;
    this.tokens = parts.tokens;
  }

  /** What the constructor makes this picture of again. */
  get parts(): PictureParts {
    const { pixels, size, origin, tokens } = this;
    return { pixels, size, origin, tokens };
  }

  get score(): number {
    return this.origin.score;
  }

  get seed(): number {
    return this.origin.seed;
  }

  /** The picture as PNG; its origin stands in the text `clip-gen`, as JSON. */
  async toPng(): Promise<Uint8Array> {
    const { pixels, size } = this;
    // Only now: it takes a tenth of a second to load, before which the first token can be there.
    const { default: sharp } = await import("sharp");
    const png = await sharp(pixels, { raw: { width: size, height: size, channels: 3 } })
      .png()
      .toBuffer();
    return describedPng(png, { description: this.origin.prompt, origin: this.origin });
  }

  /** Writes the PNG and gives the path: `pizza.png`, or `pizza-2.png` where the name is taken. Never overwrites. */
  async save(path: string): Promise<string> {
    return writeFileExclusive(path, await this.toPng());
  }
}

/** Words and an origin in a PNG, where `clip-gen inspect` and other programs look for them. */
export function describedPng(png: Uint8Array, about: { description: string; origin: unknown }): Uint8Array {
  // PNG allows no NUL in a text; JSON writes it as an escape.
  const description = about.description.replaceAll("\0", "");
  return addPngText(png, { Software: "clip-gen", Description: description, "clip-gen": JSON.stringify(about.origin) });
}
