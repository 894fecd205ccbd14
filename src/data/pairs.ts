/** Pictures with captions, for training CLIP. The generator's own training never reads these. */

import { createReadStream } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { createInterface } from "node:readline";
import { z } from "zod";
import { findImages } from "./image-files.ts";

/** A picture file and at least one sentence about it. */
export type PicturePair = { file: string; captions: string[] };

export type PairOptions = {
  /** Keep only the lines of a list whose "split" is this. */
  split?: string;
};

const text = z.string().trim().min(1);
const lineSchema = z.object({
  file: text.optional(),
  file_name: text.optional(),
  caption: text.optional(),
  captions: z.array(text).min(1).optional(),
  text: text.optional(),
  name: text.optional(),
  keywords: z.array(text).optional(),
  split: z.string().optional(),
});
type Line = z.infer<typeof lineSchema>;

/**
 * Reads pictures with captions from one of
 * - a `.jsonl` list: a line per picture with "file" or "file_name", relative to the list, and "caption", "captions",
 *   "text" or "name" with optional "keywords" (see `captionsFromKeywords`);
 * - a folder with `metadata.jsonl`, as Hugging Face's imagefolder has it: the same, with "file_name" and "text";
 * - a folder of pictures with a `.txt` of the same name beside each: one caption a line.
 *
 * Whether the pictures can be read is not looked at here. Throws with file and line number where a list is malformed,
 * where a picture has no caption, and where nothing is left.
 */
export async function loadPairs(path: string, options: PairOptions = {}): Promise<PicturePair[]> {
  const info = await stat(path).catch((error: unknown) => {
    throw new Error(`cannot read pairs from ${path}: there is no such file or folder`, { cause: error });
  });
  if (!info.isDirectory()) {
    if (extname(path).toLowerCase() === ".jsonl") return readList(path, options);
    throw new Error(`cannot read pairs from ${path}: expected a .jsonl list or a folder`);
  }
  const names = await readdir(path);
  if (names.includes("metadata.jsonl")) return readList(join(path, "metadata.jsonl"), options);
  const lists = names.filter((name) => name.endsWith(".jsonl")).sort();
  if (lists.length > 0) {
    throw new Error(`${path} has no metadata.jsonl, but ${lists.join(", ")}: give the path of the list that is meant`);
  }
  if (options.split !== undefined) throw new Error(`${path} has no list, so there is no split "${options.split}"`);
  return readTextFiles(path);
}

/**
 * Captions made from a name and keywords: the name, "a picture of" the name, the name with its first three keywords,
 * and the first six keywords alone. Keywords that the name already holds are left out.
 */
export function captionsFromKeywords(name: string, keywords: readonly string[] = []): string[] {
  const words = new Set(name.toLowerCase().split(/\s+/));
  const added = [...new Set(keywords)].filter((keyword) => !words.has(keyword.toLowerCase()));
  const captions = [name, `a picture of ${name}`];
  if (added.length > 0) captions.push(`${name}, ${added.slice(0, 3).join(", ")}`);
  if (added.length > 1) captions.push(added.slice(0, 6).join(", "));
  return captions;
}

async function readList(path: string, { split }: PairOptions): Promise<PicturePair[]> {
  const pairs: PicturePair[] = [];
  const folder = dirname(path);
  let number = 0;
  for await (const raw of createInterface({ input: createReadStream(path, "utf8"), crlfDelay: Infinity })) {
    number++;
    const content = number === 1 ? raw.replace(/^\uFEFF/, "") : raw;
    if (content.trim() === "") continue;
    const line = parseLine(content, `${path}:${number}`);
    if (split === undefined || line.split === split) pairs.push(pairOf(line, folder, `${path}:${number}`));
  }
  if (pairs.length > 0) return pairs;
  const wanted = split === undefined ? "" : ` with "split": "${split}"`;
  throw new Error(`${path} names no picture${wanted} in ${number} ${number === 1 ? "line" : "lines"}`);
}

function parseLine(content: string, place: string): Line {
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch (error) {
    throw new Error(`${place}: not JSON, expected an object such as {"file": "a.png", "caption": "a cat"}`, {
      cause: error,
    });
  }
  const result = lineSchema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const key = issue?.path.join(".") ?? "";
  throw new Error(`${place}: ${key === "" ? "" : `"${key}": `}${issue?.message ?? "malformed"}`);
}

function pairOf(line: Line, folder: string, place: string): PicturePair {
  const file = line.file ?? line.file_name;
  if (file === undefined) throw new Error(`${place}: no picture, expected "file" or "file_name"`);
  // A list describes the pictures beside it. Anything else would make it read wherever it likes.
  const parts = file.split(/[\\/]/);
  if (/^([\\/]|[a-z]:)/i.test(file) || parts.includes("..")) {
    throw new Error(`${place}: "${file}" lies outside the list's folder, expected a path relative to the list`);
  }
  const given = line.captions ?? [line.caption ?? line.text].filter((caption) => caption !== undefined);
  if (given.length > 0) return { file: join(folder, file), captions: given };
  if (line.name === undefined) {
    throw new Error(`${place}: no caption for ${file}, expected "caption", "captions", "text" or "name"`);
  }
  return { file: join(folder, file), captions: captionsFromKeywords(line.name, line.keywords) };
}

async function readTextFiles(folder: string): Promise<PicturePair[]> {
  const pairs: PicturePair[] = [];
  const missing: string[] = [];
  for (const file of await findImages(folder)) {
    const textFile = join(dirname(file), `${basename(file, extname(file))}.txt`);
    const content = await readFile(textFile, "utf8").catch((error: unknown) => {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return "";
      throw error;
    });
    const captions = content
      .replace(/^\uFEFF/, "")
      .split(/\r?\n/)
      .map((line) => line.trim());
    const written = captions.filter((line) => line !== "");
    if (written.length === 0) missing.push(file);
    else pairs.push({ file, captions: written });
  }
  if (missing.length === 0) return pairs;
  throw new Error(
    `${missing.length} of ${missing.length + pairs.length} pictures have no caption, the first is ${missing[0]}: ` +
      "expected a .txt file of the same name with a caption, or a metadata.jsonl in the folder",
  );
}
