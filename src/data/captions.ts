/** Captions as they lie beside pictures. */

import { z } from "zod";

const sentences = z.union([z.string(), z.array(z.string())]).optional();
const schema = z.looseObject({
  captions: sentences.catch(undefined),
  caption: sentences.catch(undefined),
  text: sentences.catch(undefined),
});

/** One caption a line; empty lines are none. */
export function captionsFromText(text: string): string[] {
  return text
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

/** What an object says under "captions", "caption" or "text"; nothing where it is no JSON or says nothing. */
export function captionsFromJson(text: string): string[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return [];
  }
  return captionsFromFields(value);
}

/** The same of an object that has been read. */
export function captionsFromFields(value: unknown): string[] {
  const parsed = schema.safeParse(value);
  if (!parsed.success) return [];
  const { captions, caption, text } = parsed.data;
  return [captions ?? caption ?? text ?? []]
    .flat()
    .map((each) => each.trim())
    .filter((each) => each !== "");
}
