const MAX_MESSAGE_CHARACTERS = 1000;

/**
 * The one error for a file that cannot be read: on one line, with the file's path, the cause kept. Names in a file are
 * anything that its author liked, also line breaks, a terminal's control codes, and megabytes.
 */
export function readError(path: string, cause: unknown): Error {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new Error(oneLine(message.includes(path) ? message : `cannot read ${path}: ${message}`), { cause });
}

/** A text from a file, fit for a message: control characters escaped, the end left out where it is too long. */
export function oneLine(text: string, maxCharacters = MAX_MESSAGE_CHARACTERS): string {
  // Cut before, so that a megabyte is not searched, and after, as what is escaped grows.
  const escaped = text.slice(0, maxCharacters + 1).replaceAll(/[\p{Cc}\u2028\u2029]/gu, escapeOf);
  return escaped.length > maxCharacters ? `${escaped.slice(0, maxCharacters)}…` : escaped;
}

/** A text from outside, fit for a terminal: what would move its cursor or change its title is escaped, lines stay. */
export function printable(text: string): string {
  return text.replaceAll(/[^\P{Cc}\n\t]/gu, escapeOf);
}

function escapeOf(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
