import { createReadStream } from "node:fs";
import { readError } from "./read-error.ts";

const MAX_CHARACTERS = 2 ** 20;

/**
 * The lines of a text file in UTF-8, without their ends. Only "\n" and "\r\n" end a line: JSON may hold U+2028 as it is.
 * Throws, naming the file, where it cannot be read, and where a line is longer than any that is meant: a file without line
 * breaks would otherwise be held in memory.
 */
export async function* linesOf(file: string, maxCharacters: number = MAX_CHARACTERS): AsyncGenerator<string> {
  let rest = "";
  let number = 1;
  const chunks: AsyncIterable<unknown> = createReadStream(file, "utf8");
  const next = async function* (): AsyncGenerator<string> {
    try {
      for await (const chunk of chunks) yield String(chunk);
    } catch (error) {
      throw readError(file, error);
    }
  };
  for await (const chunk of next()) {
    const [first = "", ...others] = chunk.split("\n");
    rest += first;
    for (const other of others) {
      yield withoutReturn(rest);
      number += 1;
      rest = other;
    }
    if (rest.length > maxCharacters) {
      throw new Error(`${file}:${number}: the line is longer than ${maxCharacters} characters; is it the right file?`);
    }
  }
  if (rest !== "") yield withoutReturn(rest);
}

function withoutReturn(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}
