import { existsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { FileBytes } from "./file-bytes.ts";
import { readFlaxFile } from "./flax.ts";
import { problemsOf, readJson } from "./json.ts";
import { SafetensorsFile } from "./safetensors.ts";
import { findStateTensors } from "./state-dict.ts";
import { readTorchArchive } from "./torch-archive.ts";
import type { Weight, Weights } from "./weight.ts";
import { ZipArchive } from "./zip.ts";

/** How a file holds its tensors. */
export type WeightsFormat = "safetensors" | "torch archive" | "TorchScript archive" | "old torch file" | "flax msgpack";

/** A weights file, opened: names, types and shapes are known, no number is read. */
export type WeightsFile = { path: string; format: WeightsFormat; weights: Weights };

// In the order in which they are looked for: what is safe and quick to read comes first.
const IN_FOLDERS = [
  "model.safetensors",
  "open_clip_model.safetensors",
  "model.safetensors.index.json",
  "pytorch_model.bin",
  "open_clip_pytorch_model.bin",
  "pytorch_model.bin.index.json",
  "flax_model.msgpack",
] as const;

/**
 * Opens a weights file of any known format, or the one in a folder; the content tells the format, not the name.
 * Nothing that a file says is executed. Throws one error, with the path, for everything that is no such file.
 */
export function openWeights(path: string): WeightsFile {
  const status = statSync(path, { throwIfNoEntry: false });
  if (status === undefined) throw new Error(`${path} does not exist`);
  if (status.isDirectory()) {
    const name = IN_FOLDERS.find((candidate) => existsSync(join(path, candidate)));
    if (name === undefined) throw new Error(`${path} holds no weights: expected ${IN_FOLDERS.join(", ")}`);
    return openWeights(join(path, name));
  }
  if (path.endsWith(".index.json")) return openShards(path);
  const format = formatOf(path);
  switch (format) {
    case "safetensors":
      return { path, format, weights: new SafetensorsFile(path).weights };
    case "flax msgpack":
      return { path, format, weights: readFlaxFile(path) };
    case "torch": {
      const value = readTorchArchive(path);
      return { path, format: torchFormat(path), weights: named(path, () => findStateTensors(value)) };
    }
  }
}

function formatOf(path: string): "safetensors" | "torch" | "flax msgpack" {
  const file = new FileBytes(path);
  const head = file.read(0, Math.min(file.size, 16));
  if (path.endsWith(".safetensors") || (head[8] === 0x7b && head[7] === 0)) return "safetensors";
  // A msgpack of a dict with string keys: fixmap, map 16 or map 32. A pickle starts with 0x80, too, but a version follows.
  const first = head[0] ?? 0;
  const isMap = (first > 0x80 && first < 0x90) || first === 0xde || first === 0xdf;
  return path.endsWith(".msgpack") || isMap ? "flax msgpack" : "torch";
}

function torchFormat(path: string): WeightsFormat {
  const file = new FileBytes(path);
  if (file.read(0, 1)[0] === 0x80) return "old torch file";
  const isScript = [...new ZipArchive(path).entries.keys()].some((name) => name.endsWith("/constants.pkl"));
  return isScript ? "TorchScript archive" : "torch archive";
}

const shardIndex = z.object({ weight_map: z.record(z.string(), z.string().regex(/^[\w.-]+$/)) });

/** Weights that are spread over files, as Hugging Face's `save_pretrained` does with large ones. */
function openShards(path: string): WeightsFile {
  const parsed = shardIndex.safeParse(readJson(path));
  if (!parsed.success) throw new Error(`${path} is no index of weights: ${problemsOf(parsed.error)}`);
  const map = Object.entries(parsed.data.weight_map);
  const shards = new Map(
    [...new Set(map.map(([, name]) => name))].map((name) => [name, openWeights(join(dirname(path), name))]),
  );
  const weights = new Map<string, Weight>();
  for (const [name, shard] of map) {
    const weight = shards.get(shard)?.weights.get(name);
    if (weight === undefined) throw new Error(`${path} says that ${shard} holds ${name}, but it does not`);
    weights.set(name, weight);
  }
  return { path, format: [...shards.values()][0]?.format ?? "safetensors", weights };
}

function named<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new Error(`cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}
