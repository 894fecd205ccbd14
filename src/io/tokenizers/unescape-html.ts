import { NAMED_ENTITIES, NAMES_WITHOUT_SEMICOLON } from "./html-entity-table.ts";
import { windows1252Character } from "./windows-1252.ts";

const REFERENCE = /&(?:#([0-9]+);?|#[xX]([0-9a-fA-F]+);?|([^\t\n\f <&#;]{1,32};?))/g;

let entities: Map<string, string> | undefined;

/** Name, with its semicolon where it needs one, to text. Built at the first use: most texts have no entity. */
function namedEntities(): Map<string, string> {
  if (entities !== undefined) return entities;
  entities = new Map();
  for (const entry of NAMED_ENTITIES.trim().split(/\s/)) {
    const [name = "", codes = ""] = entry.split("=");
    entities.set(`${name};`, String.fromCodePoint(...codes.split("+").map((code) => Number.parseInt(code, 16))));
  }
  for (const name of NAMES_WITHOUT_SEMICOLON.trim().split(/\s/)) entities.set(name, entities.get(`${name};`) ?? "");
  return entities;
}

/** The character of a numeric reference. As HTML has it, 0x80 to 0x9f mean windows-1252; forbidden ones become nothing or U+FFFD. */
function numericReference(code: number): string {
  if (code >= 0x80 && code <= 0x9f) return windows1252Character(code);
  if (code === 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return "\ufffd";
  const isControl = code < 9 || code === 11 || (code >= 14 && code < 32) || code === 0x7f;
  const isNoncharacter = (code >= 0xfdd0 && code <= 0xfdef) || (code & 0xfffe) === 0xfffe;
  return isControl || isNoncharacter ? "" : String.fromCodePoint(code);
}

/** A name, or its longest beginning that is one: `&notit;` is "¬it;", as browsers have it. */
function namedReference(name: string): string {
  const names = namedEntities();
  for (let length = name.length; length > 1; length--) {
    const text = names.get(name.slice(0, length));
    if (text !== undefined) return text + name.slice(length);
  }
  return `&${name}`;
}

/**
 * Replaces the character references of HTML, `&amp;`, `&#233;` and `&#xe9;` alike, once: `&amp;lt;` becomes `&lt;`.
 * Source: Python's `html.unescape`, which openai/CLIP calls twice on every text.
 */
export function unescapeHtml(text: string): string {
  if (!text.includes("&")) return text;
  return text.replace(REFERENCE, (_match, decimal?: string, hex?: string, name?: string) => {
    if (decimal !== undefined) return numericReference(Number.parseInt(decimal, 10));
    if (hex !== undefined) return numericReference(Number.parseInt(hex, 16));
    return namedReference(name ?? "");
  });
}
