import { existsSync, readFileSync } from "node:fs";
import type { z } from "zod";
import { writeFileAtomic } from "./atomic.ts";
import { oneLine } from "./read-error.ts";

// A vocabulary of the wrong type has a problem in each of its 49,408 entries.
const MAX_PROBLEMS = 5;

/** The value in a JSON file. Errors name the file. */
export function readJson(file: string): unknown {
  if (!existsSync(file)) throw new Error(`${file} does not exist`);
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    // The message quotes the text around the mistake, line breaks included.
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${file} is no JSON: ${oneLine(reason)}`, { cause: error });
  }
}

/** What a schema finds wrong with a value, in one line: the first fields with their problems. */
export function problemsOf({ issues }: z.ZodError): string {
  const problems = issues
    .slice(0, MAX_PROBLEMS)
    .map(({ path, message }) => (path.length === 0 ? message : `${path.join(".")}: ${message}`));
  const more = issues.length - problems.length;
  return oneLine([...problems, ...(more > 0 ? [`and ${more} more`] : [])].join("; "));
}

/** Writes a value as indented JSON, beside and renamed. */
export function writeJson(file: string, value: unknown): void {
  writeFileAtomic(file, `${JSON.stringify(value, undefined, 2)}\n`);
}
