import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryFolder } from "../../test/tiny.ts";
import { linesOf } from "./lines.ts";

const folder = temporaryFolder();

async function read(text: string, most?: number): Promise<string[]> {
  const file = join(folder, "lines.txt");
  writeFileSync(file, text);
  const lines: string[] = [];
  for await (const line of linesOf(file, most)) lines.push(line);
  return lines;
}

test("lines end at line feeds alone, as JSON may hold all other separators", async () => {
  expect(await read("a\r\n\nb\u2028c\rd\n")).toEqual(["a", "", "b\u2028c\rd"]);
  expect(await read("no end")).toEqual(["no end"]);
  expect(await read("")).toEqual([]);
});

test("characters and lines that lie across two reads stay whole", async () => {
  const lines = Array.from({ length: 9 }, (_, i) => "é€😀".repeat(5000 + i));
  expect(await read(lines.join("\n"))).toEqual(lines);
});

test("a line without an end is refused before it fills the memory, with its number", async () => {
  await expect(read(`a\n${"x".repeat(1e6)}`, 1000)).rejects.toThrow(/lines\.txt:2: the line is longer than 1000/);
});

test("what cannot be read is named", async () => {
  await expect(linesOf(folder).next()).rejects.toThrow(`cannot read ${folder}: EISDIR`);
});
