/** Pictures with captions, for training CLIP. The generator's own training never reads these. */

import { readdir, readFile, stat } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { oneLine } from "../io/read-error.ts";
import { captionsFromText } from "./captions.ts";
import { findImages } from "./image-files.ts";
import { isPictureList, readPictureList } from "./picture-list.ts";

/** A picture file and at least one sentence about it. */
export type PicturePair = { file: string; captions: string[] };

/**
 * Reads pictures with captions from one of
 * - a `.jsonl` list: a line per picture with "file" or "file_name", relative to the list, and "caption", "captions",
 *   "text" or "name" with optional "keywords" (see `captionsFromKeywords`); a part of it by `list.jsonl?split=train`;
 * - a folder with `metadata.jsonl`, as Hugging Face's imagefolder has it: the same, with "file_name" and "text";
 * - a folder of pictures with a `.txt` of the same name beside each: one caption a line.
 *
 * Whether the pictures can be read is not looked at here. Throws with file and line number where a list is malformed,
 * where a picture has no caption, and where nothing is left.
 */
export async function loadPairs(path: string): Promise<PicturePair[]> {
  if (isPictureList(path)) return readList(path);
  const info = await stat(path).catch((error: unknown) => {
    throw new Error(`cannot read pairs from ${oneLine(path)}: there is no such file or folder`, { cause: error });
  });
  if (!info.isDirectory()) throw new Error(`cannot read pairs from ${path}: expected a .jsonl list or a folder`);
  const names = await readdir(path);
  if (names.includes("metadata.jsonl")) return readList(join(path, "metadata.jsonl"));
  const lists = names.filter((name) => name.endsWith(".jsonl")).sort();
  if (lists.length > 0) {
    throw new Error(`${path} has no metadata.jsonl, but ${lists.join(", ")}: give the path of the list that is meant`);
  }
  return readTextFiles(path);
}

async function readList(path: string): Promise<PicturePair[]> {
  const pictures = await readPictureList(path);
  const bare = pictures.find(({ captions }) => captions.length === 0);
  if (bare) {
    const { place, file } = bare;
    const name = oneLine(basename(file));
    throw new Error(`${place}: no caption for ${name}, expected "caption", "captions", "text" or "name"`);
  }
  return pictures.map(({ file, captions }) => ({ file, captions }));
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
    const captions = captionsFromText(content);
    if (captions.length === 0) missing.push(file);
    else pairs.push({ file, captions });
  }
  if (missing.length === 0) return pairs;
  throw new Error(
    `${missing.length} of ${missing.length + pairs.length} pictures have no caption, the first is ${missing[0]}: ` +
      "expected a .txt file of the same name with a caption, or a metadata.jsonl in the folder",
  );
}
