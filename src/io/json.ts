import { existsSync, readFileSync } from "node:fs";
import type { z } from "zod";
import { writeFileAtomic } from "./atomic.ts";
import { oneLine } from "./read-error.ts";

// A vocabulary of the wrong type has a problem in each of its 49,408 entries.
const MAX_PROBLEMS = 5;
// What we read nests to six levels.
const MAX_LEVELS = 100;

/** The value in a JSON file. Errors name the file. */
export function readJson(file: string): unknown {
  if (!existsSync(file)) throw new Error(`${oneLine(file)} does not exist`);
  try {
    return parseJson(readFileSync(file, "utf8"));
  } catch (error) {
    // The message quotes the text around the mistake, line breaks included.
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${oneLine(file)} is no JSON: ${oneLine(reason)}`, { cause: error });
  }
}

/**
 * The value of a JSON text. Throws where it nests deeper than anything that is meant: `JSON.parse` takes any depth, and the
 * stack of whoever walks through the value ends, which ends the process where V8 compiles a regular expression right then.
 */
export function parseJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  if (nestsTooDeeply(value)) throw new Error(`it nests deeper than ${MAX_LEVELS} levels`);
  return value;
}

/** Whether lists and objects stand in each other deeper than anything that is meant: without an end, where one holds itself. */
export function nestsTooDeeply(value: unknown): boolean {
  let level = new Set([value].filter(isObject));
  for (let depth = 0; level.size > 0; depth += 1) {
    if (depth === MAX_LEVELS) return true;
    // Each once: what several places share, as YAML's aliases do, would become ever more.
    const next = new Set<object>();
    for (const parts of level) for (const part of Object.values(parts)) if (isObject(part)) next.add(part);
    level = next;
  }
  return false;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
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
