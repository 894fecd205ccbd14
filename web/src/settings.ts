import type { GalleryItem, GenerationRequest } from "./api.ts";

/** A sentence or a picture of the gallery that is blended in. */
export type BlendPart = { weight: number } & ({ prompt: string } | { picture: string });

/** What the form holds. */
export type Settings = {
  prompt: string;
  count: number;
  candidates: number;
  seed: number;
  /** Whether the seed stays from drawing to drawing. */
  locked: boolean;
  temperature: number;
  topP: number;
  topK: number | undefined;
  guidance: number;
  negative: string;
  blend: readonly BlendPart[];
  /** Set while the form draws a picture again: where that stood in its batch, and what the form held of other drawings. */
  again?: { batch: { row: number; rows: number } | undefined } & Pick<Settings, "count" | "candidates" | "locked">;
};

export const MOST_CHARACTERS = 2000;

export const defaults: Settings = {
  prompt: "",
  count: 4,
  candidates: 16,
  seed: newSeed(),
  locked: false,
  temperature: 1,
  topP: 0.9,
  topK: undefined,
  guidance: 1,
  negative: "",
  blend: [],
};

export function newSeed(): number {
  return Math.floor(Math.random() * 1_000_000);
}

/** As the API takes them, and shown row by row. */
export function requestOf(settings: Settings, rows: number): GenerationRequest {
  const { prompt, count, seed, temperature, topP, topK, guidance, negative, again } = settings;
  const blend = settings.blend.filter((part) => !("prompt" in part) || part.prompt.trim() !== "");
  return {
    prompt,
    n: count,
    candidates: Math.max(count, settings.candidates),
    seed,
    temperature,
    top_p: topP,
    ...(topK !== undefined && { top_k: topK }),
    guidance_scale: guidance,
    ...(negative.trim() !== "" && guidance !== 1 && { negative_prompt: negative }),
    ...(blend.length > 0 && { blend }),
    ...(again?.batch && { batch: again.batch }),
    stream: true,
    partial_images: Math.max(0, rows - 1),
  };
}

/** What a change leaves: a picture is drawn again as it was, or else drawn anew with as many others as before. */
export function changed({ again, ...before }: Settings, part: Partial<Settings>): Settings {
  if (!again) return { ...before, ...part };
  const { count, candidates, locked } = again;
  return { ...before, count, candidates, locked, ...part };
}

/** The settings that draw a picture again: one picture, of its own seed. */
export function settingsOf({ origin }: Pick<GalleryItem, "origin">, before: Settings): Settings {
  const { count, candidates, locked } = before.again ?? before;
  return {
    ...before,
    again: { batch: origin.batch, count, candidates, locked },
    prompt: origin.varied === undefined ? origin.prompt : before.prompt,
    count: 1,
    candidates: 1,
    seed: origin.seed,
    locked: true,
    temperature: origin.temperature ?? 1,
    topP: origin.topP ?? 0.9,
    topK: origin.topK,
    guidance: origin.guidanceScale ?? 1,
    negative: origin.negativePrompt ?? "",
    blend: (origin.blend ?? []).map((part) =>
      // The gallery's pictures are named by their ids.
      "picture" in part ? { picture: part.picture.replace(/\.png$/, ""), weight: part.weight } : part,
    ),
  };
}

const KEY = "clip-gen settings";

/** What the form held when the page was last open. */
export function storedSettings(): Settings {
  try {
    return { ...defaults, ...JSON.parse(localStorage.getItem(KEY) ?? "{}") };
  } catch {
    return defaults;
  }
}

export function storeSettings(settings: Settings): void {
  localStorage.setItem(KEY, JSON.stringify(settings));
}
