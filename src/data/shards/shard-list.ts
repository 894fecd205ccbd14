/** Which shards a source names: a file, an address, a brace list of either, or a folder with shards in it. */

import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { isImageFile } from "../images.ts";
import { isAddress } from "./byte-source.ts";

/** A source of pictures, and how often its pictures come in an epoch: `shards/a-{000..099}.tar?weight=2`. */
export type WeightedPath = { path: string; weight: number };

// A hundred million pictures in shards of a hundred.
const MAX_SHARDS = 1_000_000;

/** Takes `weight=` off a path. Of a path that has other questions the rest stays as it is. */
export function splitWeight(source: string): WeightedPath {
  const at = source.lastIndexOf("?");
  if (at < 0 || existsSync(source)) return { path: source, weight: 1 };
  const questions = source.slice(at + 1).split("&");
  const given = questions.find((question) => question.startsWith("weight="));
  if (given === undefined) return { path: source, weight: 1 };
  const weight = Number(given.slice("weight=".length));
  if (!(weight >= 1 && weight <= 1000)) {
    throw new Error(
      `${source}: expected a weight from 1 to 1000, which is how often its pictures come in an epoch; ` +
        "for less than once, give the other sources more",
    );
  }
  const rest = questions.filter((question) => question !== given).join("&");
  return { path: `${source.slice(0, at)}${rest === "" ? "" : `?${rest}`}`, weight };
}

/** Whether a path, without its weight, is one of shards and not of picture files. */
export function isShards(path: string): boolean {
  if (isAddress(path) || isShardFile(path)) return true;
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true && shardsIn(path).length > 0;
}

/** The shards of a source, in order. Throws where a folder also holds pictures or folders, as it is not clear what is meant. */
export function findShards(path: string): string[] {
  if (isAddress(path) || isShardFile(path)) return existsSync(path) ? [path] : expandBraces(path);
  const other = readdirSync(path, { withFileTypes: true }).find(
    (entry) => !entry.name.startsWith(".") && (entry.isDirectory() || isImageFile(entry.name)),
  );
  if (!other) return shardsIn(path);
  throw new Error(
    `${path} holds shards, and also ${other.name}, in which pictures may be; give the shards by name, ` +
      "such as shards/{000..099}.tar, or move them into a folder of their own",
  );
}

/** Whether a shard is parquet; all others are tar. */
export function isParquet(location: string): boolean {
  return /\.parquet$/i.test(withoutQuestion(location));
}

function isShardFile(path: string): boolean {
  return /\.(tar|parquet)$/i.test(path);
}

function shardsIn(folder: string): string[] {
  // By code unit and not by locale, so that every machine finds the same order.
  const names = readdirSync(folder).filter((name) => isShardFile(name) && !name.startsWith("."));
  return names.sort().map((name) => join(folder, name));
}

function withoutQuestion(location: string): string {
  return isAddress(location) ? (location.split("?")[0] ?? "") : location;
}

/**
 * `a-{000..002}.tar` → `a-000.tar`, `a-001.tar`, `a-002.tar`, and `{train,test}.tar` → `train.tar`, `test.tar`, as shells and
 * WebDataset do it. Several braces give all combinations, the last one fastest; a name without braces is itself.
 */
export function expandBraces(text: string): string[] {
  const [whole, inside = ""] = /\{([^{}]*)\}/.exec(text) ?? [];
  if (whole === undefined) return [text];
  const at = text.indexOf(whole);
  const [before, after] = [text.slice(0, at), expandBraces(text.slice(at + whole.length))];
  const options = optionsOf(inside, text);
  if (options.length * after.length > MAX_SHARDS) {
    throw new Error(`${text} names more than ${MAX_SHARDS} shards; is a number wrong?`);
  }
  return options.flatMap((option) => after.map((rest) => `${before}${option}${rest}`));
}

function optionsOf(inside: string, text: string): string[] {
  const [, from, to] = /^(\d+)\.\.(\d+)$/.exec(inside) ?? [];
  if (from === undefined || to === undefined) {
    const options = inside.split(",");
    if (options.length > 1) return options;
    throw new Error(`${text}: expected {000..099} or {a,b} in braces, got {${inside}}`);
  }
  const [first, last] = [Number(from), Number(to)];
  if (first > last || last - first >= MAX_SHARDS) {
    throw new Error(`${text}: expected a range such as {000..099}, got {${inside}}`);
  }
  const isPadded = from.startsWith("0") || to.startsWith("0");
  const width = isPadded ? Math.max(from.length, to.length) : 0;
  return Array.from({ length: last - first + 1 }, (_, i) => String(first + i).padStart(width, "0"));
}
