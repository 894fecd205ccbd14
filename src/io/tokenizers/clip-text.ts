import { fixText } from "./fix-text.ts";
import { unescapeHtml } from "./unescape-html.ts";

/** The special tokens' names in OpenAI's tokenizer. */
export const START_OF_TEXT = "<|startoftext|>";
export const END_OF_TEXT = "<|endoftext|>";

/** Marks the last symbol of a word. */
export const END_OF_WORD = "</w>";

/**
 * The letter that stands for each byte in the vocabulary, so that no token holds a space or a control character, in the
 * order of the vocabulary's first ids: printable Latin-1 first, then the other bytes as U+0100 and on.
 * Source: `bytes_to_unicode` of openai/CLIP (GPT-2's byte alphabet).
 */
export const BYTE_ALPHABET: readonly { byte: number; symbol: string }[] = buildByteAlphabet();

function buildByteAlphabet(): { byte: number; symbol: string }[] {
  const bytes = Array.from({ length: 256 }, (_, byte) => byte);
  const printable = bytes.filter(isPrintable).map((byte) => ({ byte, symbol: String.fromCharCode(byte) }));
  const others = bytes.filter((byte) => !isPrintable(byte));
  return [...printable, ...others.map((byte, i) => ({ byte, symbol: String.fromCharCode(256 + i) }))];
}

function isPrintable(byte: number): boolean {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

/**
 * A text as CLIP's byte-pair encoding wants it: repaired (`fixText`), HTML references replaced twice, white space
 * trimmed and collapsed, lower case. Source: `basic_clean` and `whitespace_clean` of openai/CLIP.
 */
export function cleanText(text: string): string {
  return unescapeHtml(unescapeHtml(fixText(text)))
    .replace(/\p{White_Space}+/gu, " ")
    .replace(/^ | $/g, "")
    .toLowerCase();
}

/**
 * What is a word to CLIP: a special token, an English ending ("'s"), letters, one digit, or other signs.
 * `ſ` stands there because the reference matches without regard to case, and `ſ` is an `s` then.
 */
export function wordPattern(specialTokens: readonly string[]): RegExp {
  const special = specialTokens.map((token) => token.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"));
  const endings = ["'[sſ]", "'t", "'re", "'ve", "'m", "'ll", "'d"];
  const signs = String.raw`[^\p{White_Space}\p{L}\p{N}]+`;
  return new RegExp([...special, ...endings, String.raw`\p{L}+`, String.raw`\p{N}`, signs].join("|"), "gu");
}
