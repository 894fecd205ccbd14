import { parseDocument } from "yaml";
import { nestsTooDeeply } from "./json.ts";
import { oneLine } from "./read-error.ts";

/** Settings have some hundred lines. The parser compares every key with all others: 20,000 of them take 8 seconds. */
const MAX_CHARACTERS = 2 ** 16;
/** Brackets in all, and levels of a block. */
const MAX_NESTING = 100;

/**
 * The value of a YAML text (or JSON, which is YAML too): plain data, never an object of a class that it names.
 * Throws in one line for what is no YAML, is longer than settings are, has tags that only a program could resolve, or
 * refers to itself or too often to another part.
 */
export function parseYaml(text: string): unknown {
  if (text.length > MAX_CHARACTERS) throw new Error(`it has ${text.length} characters, which no settings have`);
  // Before it is parsed: where the stack ends while V8 compiles a regular expression, the process ends too.
  if (nesting(text) > MAX_NESTING) throw new Error("it nests deeper, or has more in a line, than settings do");
  let value: unknown;
  try {
    const document = parseDocument(text, { logLevel: "error", stringKeys: true });
    const [problem] = [...document.errors, ...document.warnings];
    if (problem) throw problem;
    value = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    // The lines after the first show the place in the text.
    const [reason = ""] = error instanceof Error ? error.message.split("\n") : [String(error)];
    throw new Error(oneLine(reason), { cause: error });
  }
  // Aliases nest without a bracket, and may lead to what they stand in.
  if (nestsTooDeeply(value)) throw new Error("it nests deeper than settings do, or a part of it holds itself");
  return value;
}

/** No less than how deep it nests. Strings are not told apart: a wrong guess of where one ends would be a way in. */
function nesting(text: string): number {
  const columns = text.split("\n").map((line) => {
    // "- - a" opens two lists in a line, and the parser follows "a: b: c" before it refuses that.
    const opened = line.match(/[-?:](?=\s|$)/g) ?? [];
    return Math.max(opened.length, line.search(/[^ ]|$/));
  });
  const brackets = text.match(/[[{]/g) ?? [];
  return columns.reduce((most, column) => Math.max(most, column), brackets.length);
}
