import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { extname, join } from "node:path";
import { readJson } from "../io/json.ts";
import { readPngText } from "../io/png-text.ts";
import { listWeights, type WeightInfo } from "../io/weights-list.ts";
import { UserError } from "./errors.ts";
import type { InspectFlags } from "./inspect.ts";

type Found = { kind: string } & Record<string, unknown>;

const WEIGHTS = [".safetensors", ".pt", ".pth", ".ckpt", ".bin"];
const KNOWN =
  "expected a model's, run's or network's folder, a set of encoded pictures, " +
  `weights (${WEIGHTS.join(", ")}) or a PNG that clip-gen drew`;

/** Says what a path holds. Nothing but headers is read of weights, so that any size will do. */
export function runInspect(path: string, flags: InspectFlags): void {
  const found = inspect(path, flags.tensors ?? false);
  if (flags.json) console.log(JSON.stringify(found, undefined, 2));
  else print(found);
}

function inspect(path: string, tensors: boolean): Found {
  if (!existsSync(path)) throw new UserError(`${path}: there is no such file or folder`);
  if (statSync(path).isDirectory()) return inspectFolder(path, tensors);
  const extension = extname(path).toLowerCase();
  if (extension === ".png") return inspectPicture(path);
  if (WEIGHTS.includes(extension)) return { kind: "weights", ...describeWeights(path, tensors) };
  throw new UserError(`${path} is nothing that clip-gen knows; ${KNOWN}`);
}

function inspectFolder(path: string, tensors: boolean): Found {
  const has = (name: string): boolean => existsSync(join(path, name));
  if (has("model.json")) {
    const parts = ["clip", "vqgan", "gpt"].filter(has);
    const networks = parts.map((part) => [part, inspectNetwork(join(path, part), tensors)]);
    return { kind: "model", ...Object.fromEntries(networks), about: readJson(join(path, "model.json")) };
  }
  if (has("checkpoints") && has("config.json")) return inspectRun(path);
  if (has("index.json")) return inspectEncoded(join(path, "index.json"));
  if (has("config.json")) return { kind: "network", ...inspectNetwork(path, tensors) };
  throw new UserError(`${path} is no folder that clip-gen knows; ${KNOWN}`);
}

function inspectNetwork(folder: string, tensors: boolean): Record<string, unknown> {
  const names = ["model.safetensors", "pytorch_model.bin", "open_clip_pytorch_model.bin"];
  const file = names.map((name) => join(folder, name)).find((name) => existsSync(name));
  if (file === undefined) throw new UserError(`${folder} holds no weights: expected ${names.join(" or ")}`);
  const config = join(folder, "config.json");
  return { ...describeWeights(file, tensors), ...(existsSync(config) && { config: readJson(config) }) };
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

function inspectPicture(path: string): Found {
  const text = readPngText(readFileSync(path))["clip-gen"];
  if (text === undefined) throw new UserError(`${path} was not drawn by clip-gen, or its text was taken out`);
  return { kind: "picture", ...asRecord(parseLine(path, text)) };
}

function describeWeights(path: string, tensors: boolean): Record<string, unknown> {
  const weights = listWeights(path);
  const sizes = weights.map(({ shape }) => shape.reduce((product, size) => product * size, 1));
  const parameters = sizes.reduce((sum, size) => sum + size, 0);
  const dtypes = [...new Set(weights.map(({ dtype }) => dtype))];
  const summary = { file: path, tensors: weights.length, parameters, dtypes };
  return tensors ? { ...summary, list: weights.map(shapeLine) } : summary;
}

function shapeLine({ name, dtype, shape }: WeightInfo): string {
  return `${name} ${dtype} [${shape.join(", ")}]`;
}

function parseLine(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
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
      console.log(`${indent}${name}`);
      for (const item of entry) console.log(`${indent}  ${item}`);
    } else if (typeof entry === "object" && entry !== null && !Array.isArray(entry)) {
      console.log(`${indent}${name}`);
      print(entry, `${indent}  `);
    } else console.log(`${indent}${name.padEnd(Math.max(2, 24 - indent.length))} ${show(entry)}`);
  }
}

function show(value: unknown): string {
  if (Array.isArray(value)) return value.map((item) => show(item)).join(", ");
  return String(value);
}
