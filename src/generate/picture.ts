import { writeFileExclusive } from "../io/atomic.ts";
import { addPngText } from "../io/png-text.ts";
import type { PictureOrigin } from "./picture-origin.ts";

/** What a picture is made of. */
export type PictureParts = {
  pixels: Uint8Array;
  size: number;
  origin: PictureOrigin;
  tokens: readonly number[];
  agreement?: number | undefined;
};

/** A picture that was drawn, with where it came from. */
export class GeneratedPicture {
  /** (size, size, 3) RGB bytes. */
  readonly pixels: Uint8Array;
  readonly size: number;
  readonly origin: PictureOrigin;
  /** (h·w) VQGAN's tokens. */
  readonly tokens: readonly number[];
  /** Of a picture that one sentence drew: the sentence's `Gpt.agreement`, where the GPT has a memory. */
  readonly agreement: number | undefined;

  constructor(parts: PictureParts) {
    this.pixels = parts.pixels;
    this.size = parts.size;
    this.origin = parts.origin;
    this.tokens = parts.tokens;
    this.agreement = parts.agreement;
  }

  /** What the constructor makes this picture of again. */
  get parts(): PictureParts {
    const { pixels, size, origin, tokens, agreement } = this;
    return { pixels, size, origin, tokens, agreement };
  }

  get score(): number {
    return this.origin.score;
  }

  get seed(): number {
    return this.origin.seed;
  }

  /**
   * The picture as PNG. Its origin stands in the text `clip-gen`, as JSON, and in `parameters`, as the tools around
   * AUTOMATIC1111's web UI read it.
   * @param options.metadata false leaves all texts out
   */
  async toPng({ metadata = true }: { metadata?: boolean } = {}): Promise<Uint8Array> {
    const { pixels, size } = this;
    // Only now: it takes a tenth of a second to load, before which the first token can be there.
    const { default: sharp } = await import("sharp");
    const png = await sharp(pixels, { raw: { width: size, height: size, channels: 3 } })
      .png()
      .toBuffer();
    if (!metadata) return png;
    const parameters = generationParameters(this);
    return describedPng(png, { description: this.origin.prompt, origin: this.origin, parameters });
  }

  /** Writes the PNG and gives the path: `pizza.png`, or `pizza-2.png` where the name is taken. Never overwrites. */
  async save(path: string, options: { metadata?: boolean } = {}): Promise<string> {
    return writeFileExclusive(path, await this.toPng(options));
  }
}

/** Words and an origin in a PNG, where `clip-gen inspect` and other programs look for them. */
export function describedPng(
  png: Uint8Array,
  { description, origin, parameters }: { description: string; origin: unknown; parameters?: string },
): Uint8Array {
  return addPngText(png, {
    Software: "clip-gen",
    Description: withoutNul(description),
    ...(parameters !== undefined && { parameters: withoutNul(parameters) }),
    "clip-gen": JSON.stringify(origin),
  });
}

/**
 * The text that AUTOMATIC1111's web UI writes: the prompt, the negative one, and a line of settings under the names that it has
 * for them. A step is a token.
 */
export function generationParameters({ origin, size, tokens }: Omit<PictureParts, "pixels">): string {
  const settings: [name: string, value: string | number | undefined][] = [
    ["Steps", origin.steps ?? tokens.length],
    ["Sampler", origin.method ?? (origin.beams === undefined ? "CLIP-GEN" : `CLIP-GEN, ${origin.beams} beams`)],
    ["CFG scale", origin.guidanceScale],
    ["Seed", origin.seed],
    ["Size", `${size}x${size}`],
    ["Model", origin.model],
    ["Temperature", origin.temperature],
    ["Top K", origin.topK],
    ["Top P", origin.topP],
    ["Score", origin.score],
  ];
  const told = settings.flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${inOneWord(value)}`]));
  const negative = origin.negativePrompt === undefined ? [] : [`Negative prompt: ${origin.negativePrompt}`];
  return [origin.prompt, ...negative, told.join(", ")].join("\n");
}

/** A value with a comma or a colon is quoted, as those tools do. */
function inOneWord(value: string | number): string {
  const text = String(value);
  return /[,:\n]/.test(text) ? JSON.stringify(text) : text;
}

/** PNG allows no NUL in a text; JSON writes it as an escape. */
function withoutNul(text: string): string {
  return text.replaceAll("\0", "");
}
