import { existsSync, readFileSync, statSync } from "node:fs";
import { extname, join } from "node:path";
import type { Command } from "commander";
import { readPngText } from "../io/png-text.ts";
import { readJson, readWeights } from "../models/pretrained.ts";
import { tidy } from "../tensor/scope.ts";
import { UserError } from "./errors.ts";

export function inspectCommand(program: Command): void {
  program
    .command("inspect")
    .description("what a model, a run, a network, a weights file or a drawn picture is")
    .argument("<path>", "a folder or a file")
    .option("--json", "print it as JSON")
    .action((path: string, flags: { json?: boolean }) => {
      const found = inspect(path);
      if (flags.json) console.log(JSON.stringify(found, undefined, 2));
      else for (const [name, value] of Object.entries(found)) console.log(`${name.padEnd(14)} ${show(value)}`);
    });
}

function inspect(path: string): Record<string, unknown> {
  if (!existsSync(path)) throw new UserError(`${path}: there is no such file or folder`);
  if (statSync(path).isDirectory()) return inspectFolder(path);
  if (extname(path).toLowerCase() === ".png") return inspectPicture(path);
  return { kind: "weights", ...describeWeights(path) };
}

function inspectFolder(path: string): Record<string, unknown> {
  const has = (name: string): boolean => existsSync(join(path, name));
  if (has("model.json")) {
    const parts = ["clip", "vqgan", "gpt"].filter(has);
    const parameters = Object.fromEntries(parts.map((part) => [part, describeWeights(join(path, part))]));
    return { kind: "model", ...parameters, about: readJson(join(path, "model.json")) };
  }
  if (has("metrics.jsonl")) {
    const lines = readFileSync(join(path, "metrics.jsonl"), "utf8").trimEnd().split("\n");
    const last: unknown = JSON.parse(lines.at(-1) || "{}");
    return { kind: "run", steps: lines.length, last, config: readJson(join(path, "config.json")) };
  }
  if (has("index.json")) {
    const { names: _names, captions: _captions, ...index } = asRecord(readJson(join(path, "index.json")));
    return { kind: "encoded pictures", ...index };
  }
  if (has("config.json"))
    return { kind: "network", ...describeWeights(path), config: readJson(join(path, "config.json")) };
  throw new UserError(`${path} is no model, run, network or set of encoded pictures`);
}

function inspectPicture(path: string): Record<string, unknown> {
  const text = readPngText(readFileSync(path))["clip-gen"];
  if (text === undefined) throw new UserError(`${path} was not drawn by clip-gen, or its text was taken out`);
  return { kind: "picture", ...asRecord(JSON.parse(text)) };
}

function describeWeights(path: string): { tensors: number; parameters: number; dtypes: string[] } {
  return tidy(() => {
    const weights = [...readWeights(path).values()];
    const parameters = weights.reduce((sum, tensor) => sum + tensor.numel, 0);
    return { tensors: weights.length, parameters, dtypes: [...new Set(weights.map((tensor) => tensor.dtype))] };
  });
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
}

function show(value: unknown): string {
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
