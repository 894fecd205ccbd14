/** Captions in other words, so that a CLIP learns what people type and not only what a list says. */

import type { Random } from "../random.ts";

const openings = ["a", "an", "the", "some", "one", "my", "a picture of", "an image of", "a drawing of", "a"] as const;

/**
 * A caption as someone else might have typed it: some of an article or opening in front, a plural, another order of its
 * words, a word left out, a slip of a finger. The same draws give the same words.
 *
 * Another order of words and words left out are harmless for names, and wrong where the order says who does what.
 */
export function varyCaption(caption: string, random: Random): string {
  let words = caption
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((word) => word !== "");
  if (words.length > 2 && random.chance(0.3)) words.splice(random.int(words.length), 1);
  if (words.length > 1 && random.chance(0.3)) random.shuffle(words);
  if (random.chance(0.25)) words = [...words.slice(0, -1), otherNumber(words.at(-1) ?? "")];
  if (random.chance(0.25)) {
    const at = random.int(words.length);
    words = words.with(at, mistyped(words[at] ?? "", random));
  }
  if (random.chance(0.4)) words.unshift(random.pick(openings));
  return words.join(" ");
}

/** Ways in which a prompt may differ from the caption that a model knows, one at a time: to see what it withstands. */
export const rephrasings = ["article", "plural", "order", "typo", "capitals", "keywords", "style"] as const;
export type Rephrasing = (typeof rephrasings)[number];

/**
 * The first caption of a picture, said otherwise. "keywords" and "style" take another of its captions instead: the one that
 * names the picture by its keywords alone, and the one that begins with its style ("photo apple"). What has no such way
 * (an order of one word) stays as it is.
 */
export function rephrase(captions: readonly string[], how: Rephrasing, random: Random): string {
  const [caption = ""] = captions;
  const words = caption.split(" ");
  switch (how) {
    case "article":
      return `${/^[aeiou]/i.test(caption) ? "an" : "a"} ${caption}`;
    case "plural":
      return [...words.slice(0, -1), otherNumber(words.at(-1) ?? "")].join(" ");
    case "order":
      return [...words.slice(1), words[0] ?? ""].join(" ");
    case "typo": {
      const longest = words.reduce((best, word, i) => (word.length > (words[best]?.length ?? 0) ? i : best), 0);
      return words.with(longest, mistyped(words[longest] ?? "", random)).join(" ");
    }
    case "capitals":
      return caption.toUpperCase();
    case "keywords":
      return captions.find((other) => other.includes(", ") && !other.startsWith(caption)) ?? caption;
    case "style":
      return captions.find((other) => other.endsWith(` ${caption}`) && !other.startsWith("a picture of ")) ?? caption;
  }
}

/** "apple" ↔ "apples", by the rules that hold for most English words. */
export function otherNumber(word: string): string {
  if (/[^s]ies$/.test(word)) return word.replace(/ies$/, "y");
  if (/(s|x|z|ch|sh|o)es$/.test(word)) return word.slice(0, -2);
  if (/[^su]s$/.test(word)) return word.slice(0, -1);
  if (/[^aeiou]y$/.test(word)) return word.replace(/y$/, "ies");
  if (/(s|x|z|ch|sh)$/.test(word)) return `${word}es`;
  return /[a-z]$/.test(word) ? `${word}s` : word;
}

/** One letter left out, doubled, exchanged with the next one, or another in its place; short words stay as they are. */
export function mistyped(word: string, random: Random): string {
  if (word.length < 4) return word;
  // A first letter is seldom wrong.
  const at = 1 + random.int(word.length - 2);
  const [before, letter, after] = [word.slice(0, at), word.charAt(at), word.slice(at + 1)];
  switch (random.int(4)) {
    case 0:
      return before + after;
    case 1:
      return before + letter + letter + after;
    case 2:
      return before + after.charAt(0) + letter + after.slice(1);
    default:
      return before + String.fromCharCode(97 + random.int(26)) + after;
  }
}
