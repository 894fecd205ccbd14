import { unescapeHtml } from "./unescape-html.ts";
import { WINDOWS_1252_80_TO_9F, windows1252Character } from "./windows-1252.ts";

/** Character to the byte it stands for when UTF-8 was read as windows-1252, or as Latin-1 (hence the C1 controls). */
const BYTE_OF = new Map<string, number>([
  ...Array.from({ length: 128 }, (_, i): [string, number] => [String.fromCharCode(128 + i), 128 + i]),
  ...Array.from(WINDOWS_1252_80_TO_9F, (character, i): [string, number] => [character, 128 + i]),
]);

const MISREAD_RUN = new RegExp(`[\\x80-\\xff${WINDOWS_1252_80_TO_9F}]{2,}`, "g");
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const PLAIN_ASCII = /^[\t\n\f\x20-\x25\x27-\x7e]*$/;
const COMPLETE_REFERENCE = /&#?[0-9A-Za-z]{1,32};/g;
const LATIN_LIGATURES = /[\u0132\u0133\u0149\u01c4-\u01cc\u01f1-\u01f3\ufb00-\ufb06]/g;
const WIDE_AND_HALF_FORMS = /[\u3000\uff01-\uffef]/g;
const TERMINAL_ESCAPE = new RegExp(`${String.fromCharCode(0x1b)}\\[[0-9;]*[a-zA-Z]`, "g");
/** Controls but white space and C1 (the C1 that are left mean nothing, and ftfy keeps them), byte order marks, annotations. */
const CONTROLS = /(?![\t\n\f\x80-\x9f])\p{Cc}|[\u206a-\u206f\ufeff\ufff9-\ufffc]/gu;

/** Nested escapes such as `&amp;amp;amp;` take one round each; more rounds than this are an attack, not a caption. */
const MAX_ROUNDS = 12;

/**
 * Repairs the usual damage in captions from the web, a simple stand-in for the Python package ftfy, which openai/CLIP
 * runs on every text: HTML references (unless the text has a tag), UTF-8 that was read as windows-1252 ("cafÃ©"), C1
 * controls, Latin ligatures, full and half width forms, curly quotes, line breaks, terminal colours, control characters,
 * lone surrogates, and Unicode normalisation (NFC).
 *
 * The repair of "cafÃ©" is this project's own and more timid than ftfy's: other encodings than windows-1252 and Latin-1,
 * and text in which bytes were lost, stay as they are.
 */
export function fixText(text: string): string {
  if (PLAIN_ASCII.test(text)) return text;
  const mayUnescape = !text.includes("<");
  let fixed = text;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const before = fixed;
    if (mayUnescape) fixed = fixed.replace(COMPLETE_REFERENCE, unescapeHtml);
    fixed = repairMisreadUtf8(fixed)
      .replace(/[\x80-\x9f]/g, (control) => windows1252Character(control.charCodeAt(0)))
      .replace(LATIN_LIGATURES, (ligature) => ligature.normalize("NFKC"))
      .replace(WIDE_AND_HALF_FORMS, (form) => form.normalize("NFKC"))
      .replace(/[\u02bc\u2018-\u201b]/g, "'")
      .replace(/[\u201c-\u201f]/g, '"')
      .replace(/\r\n?|[\u2028\u2029]/g, "\n")
      .replace(/\p{Surrogate}/gu, "\ufffd")
      .replace(TERMINAL_ESCAPE, "")
      .replace(CONTROLS, "")
      .normalize("NFC");
    if (fixed === before) break;
  }
  return fixed;
}

/** Reads runs like "Ã©" or "â€™" again as the UTF-8 that they were, where that is believable. */
function repairMisreadUtf8(text: string): string {
  return (
    text
      .replace(MISREAD_RUN, repairRun)
      // "à" is C3 A0, and A0, a no-break space, is often turned into a space: "voilÃ le travail".
      .replace(/(?<!\p{Lu})Ã (?=\p{Ll})/gu, "à ")
  );
}

function repairRun(run: string): string {
  const bytes = Uint8Array.from(run, (character) => BYTE_OF.get(character) ?? 0);
  let repaired = "";
  let start = 0;
  while (start < run.length) {
    // A group is characters that follow each other without a gap: several of them are no coincidence.
    const group: string[] = [];
    let end = start;
    for (let length = utf8Length(bytes, end); length > 0; length = utf8Length(bytes, end)) {
      group.push(UTF8.decode(bytes.subarray(end, end + length)));
      end += length;
    }
    if (end === start) end++;
    const misread = run.slice(start, end);
    repaired += group.length > 0 && isBelievable(group, misread) ? group.join("") : misread;
    start = end;
  }
  return repaired;
}

/** The bytes of the well-formed multi-byte character at `start`, or 0 (Unicode standard, table 3-7). */
function utf8Length(bytes: Uint8Array, start: number): number {
  const [lead = 0, second = 0] = bytes.subarray(start);
  const length =
    lead >= 0xc2 && lead <= 0xdf ? 2 : lead >= 0xe0 && lead <= 0xef ? 3 : lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
  if (length === 0 || start + length > bytes.length) return 0;
  for (let i = start + 1; i < start + length; i++) if (((bytes[i] ?? 0) & 0xc0) !== 0x80) return 0;
  const isOverlong = (lead === 0xe0 && second < 0xa0) || (lead === 0xf0 && second < 0x90);
  const isOutside = (lead === 0xed && second > 0x9f) || (lead === 0xf4 && second > 0x8f);
  return isOverlong || isOutside ? 0 : length;
}

/** Two characters alone may be meant ("Ã…"); three of a kind, "Â£", "Ã©" and combining marks hardly ever are. */
function isBelievable(group: readonly string[], misread: string): boolean {
  if (group.length > 1 || misread.length > 2) return true;
  return (/^[ÂÃ]/.test(misread) && !misread.endsWith("…")) || /^\p{M}$/u.test(group[0] ?? "");
}
