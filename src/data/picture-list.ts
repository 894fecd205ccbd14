/** Lists of pictures: `.jsonl` files with a line a picture. */

import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { linesOf } from "../io/lines.ts";
import { oneLine } from "../io/read-error.ts";
import { Random } from "../random.ts";

/** One line of a list. */
export type ListedPicture = {
  /** The picture's path, that of the list's folder in front. */
  file: string;
  /** What the line says of the picture; empty where it says nothing. */
  captions: string[];
  /** Where the line is: `pairs.jsonl:12`. */
  place: string;
};

const text = z.string().trim().min(1);
const lineSchema = z.looseObject({
  file: text.optional(),
  file_name: text.optional(),
  caption: text.optional(),
  captions: z.array(text).min(1).optional(),
  text: text.optional(),
  name: text.optional(),
  keywords: z.array(text).optional(),
  style: text.optional(),
});
type Line = z.infer<typeof lineSchema>;

/** Whether a path is that of a list: `pairs.jsonl`, or `pairs.jsonl?split=train` for a part of it. */
export function isPictureList(path: string): boolean {
  return parseSource(path).list.toLowerCase().endsWith(".jsonl");
}

/**
 * Reads a list. Its path may end in a question: `grocery.jsonl?split=train&group=fruit,vegetables` keeps the lines whose
 * `split` is "train" and whose `group` is one of the two. `as=photo` keeps all, and adds captions that call them photos, as
 * lines with a "style" have them of their own. `fold=1-9/10&by=unicode` keeps nine tenths, drawn by the value of `unicode`, and
 * `fold=0/10&by=unicode` the rest: what has the same value stays on one side. Without `by` the picture's file decides.
 * `caption=coarse` takes the value of `coarse` for the only caption.
 * Throws with file and line number where the list is malformed, and where no line is left.
 */
export async function readPictureList(source: string): Promise<ListedPicture[]> {
  const { list, where, style, caption, fold } = parseSource(source);
  if (!existsSync(list)) throw listError(`cannot read the list ${list}: there is no such file`);
  const folder = dirname(list);
  const pictures: ListedPicture[] = [];
  let number = 0;
  for await (const raw of linesOf(list)) {
    number++;
    const content = number === 1 ? raw.replace(/^\uFEFF/, "") : raw;
    if (content.trim() === "") continue;
    const place = `${list}:${number}`;
    const line = parseLine(content, place);
    if (!matches(line, where)) continue;
    const file = fileOf(line, place);
    if (fold && !isInFold(line, file, fold)) continue;
    pictures.push({
      file: join(folder, file),
      captions: withStyle(
        caption === undefined ? captionsOf(line) : [fieldOf(line, caption, place)],
        line.style ?? style,
      ),
      place,
    });
  }
  if (pictures.length > 0) return pictures;
  const wanted = where.map(([key, values]) => `"${key}": ${values.map((value) => `"${value}"`).join(" or ")}`);
  if (fold) wanted.push(`fold ${fold.first} to ${fold.last} of ${fold.of}`);
  const condition = wanted.length === 0 ? "" : ` with ${wanted.join(" and ")}`;
  throw listError(`${list} names no picture${condition} in ${number} ${number === 1 ? "line" : "lines"}`);
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

type Source = {
  list: string;
  where: [key: string, values: string[]][];
  style: string | undefined;
  /** The field that is the caption. */
  caption: string | undefined;
  fold: Fold | undefined;
};

/** A part of a list by chance: folds `first` to `last` of `of`, where lines with the same value of `by` are in one fold. */
type Fold = { first: number; last: number; of: number; by: string | undefined };

/** The last "?" divides, unless a file has it in its name. */
function parseSource(source: string): Source {
  const at = source.lastIndexOf("?");
  if (at < 0 || existsSync(source))
    return { list: source, where: [], style: undefined, caption: undefined, fold: undefined };
  const query = new URLSearchParams(source.slice(at + 1));
  const own = ["as", "caption", "fold", "by"];
  const [style, caption, fold, by] = own.map((key) => query.get(key) ?? undefined);
  for (const key of own) query.delete(key);
  return {
    list: source.slice(0, at),
    where: [...query].map(([key, values]) => [key, values.split(",")]),
    style,
    caption,
    fold: fold === undefined ? undefined : parseFold(fold, by),
  };
}

function parseFold(folds: string, by: string | undefined): Fold {
  const [, first = "", last = first, of = ""] = /^(\d+)(?:-(\d+))?\/(\d+)$/.exec(folds) ?? [];
  const fold = { first: Number(first), last: Number(last), of: Number(of), by };
  if (of !== "" && fold.first <= fold.last && fold.last < fold.of) return fold;
  throw listError(`fold=${folds}: expected folds of a whole, counted from 0, such as 0/10 or 1-9/10`);
}

function isInFold(line: Line, file: string, { first, last, of, by }: Fold): boolean {
  const key = by === undefined ? file : wordOf(line, by);
  if (key === undefined) throw listError(`${file}: the line has no "${by}", which decides its fold`);
  const own = new Random("fold", key).int(of);
  return own >= first && own <= last;
}

function matches(line: Line, where: Source["where"]): boolean {
  return where.every(([key, values]) => {
    const word = wordOf(line, key);
    return word !== undefined && values.includes(word);
  });
}

/** The text, number or truth value of a field; undefined where it has none, or a list or an object. */
function wordOf(line: Line, key: string): string | undefined {
  const value = Object.hasOwn(line, key) ? line[key] : undefined;
  return typeof value === "object" || value === undefined ? undefined : String(value);
}

/** What stands in a list is its author's, line breaks and a terminal's control codes included. */
function listError(message: string, options?: ErrorOptions): Error {
  return new Error(oneLine(message), options);
}

function parseLine(content: string, place: string): Line {
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch (error) {
    throw listError(`${place}: not JSON, expected an object such as {"file": "a.png", "caption": "a cat"}`, {
      cause: error,
    });
  }
  const result = lineSchema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const key = issue?.path.join(".") ?? "";
  throw listError(`${place}: ${key === "" ? "" : `"${key}": `}${issue?.message ?? "malformed"}`);
}

function fileOf(line: Line, place: string): string {
  const file = line.file ?? line.file_name;
  if (file === undefined) throw listError(`${place}: no picture, expected "file" or "file_name"`);
  // A list describes the pictures beside it. Anything else would make it read wherever it likes.
  const parts = file.split(/[\\/]/);
  if (/^([\\/]|[a-z]:)/i.test(file) || parts.includes("..")) {
    throw listError(`${place}: "${file}" lies outside the list's folder, expected a path relative to the list`);
  }
  return file;
}

function fieldOf(line: Line, key: string, place: string): string {
  const value = Object.hasOwn(line, key) ? line[key] : undefined;
  if (typeof value === "string" && value.trim() !== "") return value.trim();
  throw listError(`${place}: the line has no "${key}", which is to be the caption`);
}

/** With one more caption, which names the style: "photo apple". */
function withStyle(captions: string[], style: string | undefined): string[] {
  const [first] = captions;
  if (style === undefined || first === undefined) return captions;
  return [...captions, `${style} ${first.replace(/^an? /, "")}`];
}

function captionsOf(line: Line): string[] {
  const given = line.captions ?? [line.caption ?? line.text].filter((caption) => caption !== undefined);
  if (given.length > 0) return given;
  return line.name === undefined ? [] : captionsFromKeywords(line.name, line.keywords);
}
