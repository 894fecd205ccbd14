import { existsSync, readFileSync } from "node:fs";
import { writeFileAtomic } from "./atomic.ts";

/** The value in a JSON file. Errors name the file. */
export function readJson(file: string): unknown {
  if (!existsSync(file)) throw new Error(`${file} does not exist`);
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new Error(`${file} is no JSON: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** Writes a value as indented JSON, beside and renamed. */
export function writeJson(file: string, value: unknown): void {
  writeFileAtomic(file, `${JSON.stringify(value, undefined, 2)}\n`);
}
