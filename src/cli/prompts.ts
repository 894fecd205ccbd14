import { existsSync, readFileSync } from "node:fs";
import { Random } from "../random.ts";
import { UserError } from "./errors.ts";

/** The sentences of a file, one a line. */
export function readPrompts(file: string, flag = "--prompts"): string[] {
  if (!existsSync(file)) throw new UserError(`${flag} ${file}: there is no such file`);
  const lines = readFileSync(file, "utf8").split(/\r?\n/);
  const prompts = lines.map((line) => line.replace(/^\uFEFF/, "").trim()).filter((line) => line !== "");
  if (prompts.length === 0) throw new UserError(`${flag} ${file}: it holds no sentence; expected one a line`);
  return prompts;
}

/** As many, chosen by chance, in their order: lists are sorted by kind, and their first lines are all of one. */
export function some<T>(all: readonly T[], limit: number): T[] {
  if (all.length <= limit) return [...all];
  const order = new Random(0, "evaluate").shuffle(all.map((_, i) => i)).slice(0, limit);
  const chosen = new Set(order);
  return all.filter((_, i) => chosen.has(i));
}
