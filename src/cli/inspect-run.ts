import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { extname, join } from "node:path";
import { commandOf } from "../generate/command-line.ts";
import { pictureOrigin } from "../generate/picture-origin.ts";
import { resolveModelPath } from "../io/hub/hub-cache.ts";
import { parseJson, readJson } from "../io/json.ts";
import { readPngText } from "../io/png-text.ts";
import { printable } from "../io/read-error.ts";
import { webpXmp, xmpOrigin } from "../io/xmp.ts";
import { UserError } from "./errors.ts";
import { inspectWeights } from "./inspect-weights.ts";
import type { InspectFlags } from "./inspect.ts";

type Found = { kind: string } & Record<string, unknown>;

/** What a path holds, and why it would not load, where it would not. */
type Inspected = { found: Found; problem?: string | undefined };

/** Says what a path holds. Throws, once everything has been said, where it would not load. */
export async function runInspect(path: string, flags: InspectFlags): Promise<void> {
  const { found, problem } = await inspect(path, flags);
  // JSON leaves 0x7f to 0x9f as they are, and takes their escapes.
  if (flags.json) say(JSON.stringify({ ...found, ...(problem !== undefined && { problem }) }, undefined, 2));
  else print(found);
  if (problem !== undefined) throw new UserError(problem);
}

async function inspect(given: string, flags: InspectFlags): Promise<Inspected> {
  const path = resolveModelPath(given);
  if (!existsSync(path)) throw new UserError(`${path}: there is no such file or folder`);
  if (statSync(path).isDirectory()) return await inspectFolder(path, flags);
  const ending = extname(path).toLowerCase();
  if (ending === ".png" || ending === ".webp") return { found: inspectPicture(path, ending) };
  if (ending === ".gif") throw new UserError(`${path} is a GIF, which has no place for how it was drawn`);
  return await weightsAs("weights", path, flags);
}

async function inspectFolder(path: string, flags: InspectFlags): Promise<Inspected> {
  const has = (name: string): boolean => existsSync(join(path, name));
  if (has("model.json")) return await inspectModel(path, flags);
  if (has("checkpoints") && has("config.json")) return { found: inspectRun(path) };
  if (has("index.json")) return { found: inspectEncoded(join(path, "index.json")) };
  return await weightsAs("network", path, flags);
}

async function inspectModel(path: string, flags: InspectFlags): Promise<Inspected> {
  const found: Found = { kind: "model" };
  const problems: string[] = [];
  for (const part of ["clip", "vqgan", "gpt"].filter((name) => existsSync(join(path, name)))) {
    const { found: network, problem } = await weightsAs("network", join(path, part), flags);
    found[part] = network;
    if (problem !== undefined) problems.push(problem);
  }
  found["about"] = readJson(join(path, "model.json"));
  return { found, problem: problems.length === 0 ? undefined : problems.join("; ") };
}

async function weightsAs(kind: string, path: string, flags: InspectFlags): Promise<Inspected> {
  const { found, problem } = await inspectWeights(path, { tensors: flags.tensors ?? false, numbers: flags.numbers });
  return { found: { kind, ...found }, problem };
}

function inspectRun(path: string): Found {
  const config = readJson(join(path, "config.json"));
  const checkpoints = readdirSync(join(path, "checkpoints")).filter((name) => /^step-\d+$/.test(name));
  const file = join(path, "metrics.jsonl");
  // A run that is going on may be in the middle of its last line.
  const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(0, -1) : [];
  const last = lines.at(-1);
  const finished = ["clip", "vqgan", "gpt"].filter((name) => existsSync(join(path, name, "model.safetensors")));
  return {
    kind: "run",
    newest: last === undefined ? "no step yet" : parseLine(file, last),
    checkpoints: checkpoints.toSorted(),
    finished: finished.map((name) => join(path, name)),
    config,
  };
}

function inspectEncoded(file: string): Found {
  const { names, captions, ...index } = asRecord(readJson(file));
  if (index["format"] !== "clip-gen encoded pictures") throw new UserError(`${file} is no index of encoded pictures`);
  return {
    kind: "encoded pictures",
    ...index,
    names: Array.isArray(names) ? names.length : 0,
    captions: Array.isArray(captions) ? captions.length : 0,
  };
}

function inspectPicture(path: string, ending: ".png" | ".webp"): Found {
  const bytes = readFileSync(path);
  const text = ending === ".png" ? readPngText(bytes)["clip-gen"] : xmpOrigin(webpXmp(bytes) ?? "");
  if (text === undefined) throw new UserError(`${path} was not drawn by clip-gen, or its text was taken out`);
  const origin = asRecord(parseLine(path, text));
  if ("stops" in origin) return { kind: "journey", ...origin };
  if ("seeds" in origin) return { kind: "grid of pictures", ...origin };
  const again = pictureOrigin.safeParse(origin);
  return { kind: "picture", ...origin, ...(again.success && { command: commandOf(again.data) }) };
}

function parseLine(file: string, text: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    throw new UserError(`${file} is damaged: its text is no JSON`, { cause: error });
  }
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
}

/** Names and values, what is nested further in. */
function print(value: object, indent = ""): void {
  for (const [name, entry] of Object.entries(value)) {
    if (Array.isArray(entry) && entry.length > 8 && entry.every((item) => typeof item === "string")) {
      say(`${indent}${name}`);
      for (const item of entry) say(`${indent}  ${item}`);
    } else if (Array.isArray(entry) && entry.some((item) => typeof item === "object")) {
      say(`${indent}${name}`);
      for (const item of entry) say(`${indent}  ${JSON.stringify(item)}`);
    } else if (typeof entry === "object" && entry !== null && !Array.isArray(entry)) {
      say(`${indent}${name}`);
      print(entry, `${indent}  `);
    } else say(`${indent}${name.padEnd(Math.max(2, 24 - indent.length))} ${show(entry)}`);
  }
}

/** What stands in a file is its author's. */
function say(text: string): void {
  console.log(printable(text));
}

function show(value: unknown): string {
  if (Array.isArray(value)) return value.map((item) => show(item)).join(", ");
  return String(value);
}
