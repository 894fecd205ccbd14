import { existsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { FileBytes } from "./file-bytes.ts";
import { readFlaxFile } from "./flax.ts";
import { problemsOf, readJson } from "./json.ts";
import { oneLine, readError } from "./read-error.ts";
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
  try {
    return path.endsWith(".index.json") ? openShards(path) : openFile(path);
  } catch (error) {
    throw readError(path, error);
  }
}

function openFile(path: string): WeightsFile {
  const format = formatOf(path);
  switch (format) {
    case "safetensors":
      return { path, format, weights: new SafetensorsFile(path).weights };
    case "flax msgpack":
      return { path, format, weights: readFlaxFile(path) };
    case "torch": {
      const weights = findStateTensors(readTorchArchive(path));
      return { path, format: torchFormat(path), weights };
    }
  }
}

function formatOf(path: string): "safetensors" | "torch" | "flax msgpack" {
  const file = new FileBytes(path);
  const head = file.read(0, Math.min(file.size, 16));
  // The length of the header in eight bytes, of which the last four are zero, and the header's brace.
  if (head[8] === 0x7b && head.subarray(4, 8).every((byte) => byte === 0)) return "safetensors";
  const [first = 0, second = 0] = head;
  // A zip archive, or a pickle: its protocol's number follows.
  if ((first === 0x50 && second === 0x4b) || (first === 0x80 && second >= 2 && second <= 5)) return "torch";
  // A msgpack of a dict that is not empty: fixmap, map 16 or map 32.
  if ((first > 0x80 && first < 0x90) || first === 0xde || first === 0xdf) return "flax msgpack";
  // No known start: the name says what the file was meant to be, for the error.
  if (path.endsWith(".safetensors")) return "safetensors";
  return path.endsWith(".msgpack") ? "flax msgpack" : "torch";
}

function torchFormat(path: string): WeightsFormat {
  const file = new FileBytes(path);
  if (file.read(0, 1)[0] === 0x80) return "old torch file";
  const isScript = [...new ZipArchive(path).entries.keys()].some((name) => name.endsWith("/constants.pkl"));
  return isScript ? "TorchScript archive" : "torch archive";
}

// Files beside the index only. They are opened as files: an index that names itself would never end.
const shardName = z.string().regex(/^[\w-][\w.-]*$/, "expected the name of a file beside the index");
const shardIndex = z.object({ weight_map: z.record(z.string(), shardName) });

/** Weights that are spread over files, as Hugging Face's `save_pretrained` does with large ones. */
function openShards(path: string): WeightsFile {
  const parsed = shardIndex.safeParse(readJson(path));
  if (!parsed.success) throw new Error(`${path} is no index of weights: ${problemsOf(parsed.error)}`);
  const map = Object.entries(parsed.data.weight_map);
  if (map.length === 0) throw new Error(`${path} names no weights`);
  const shards = new Map(
    [...new Set(map.map(([, name]) => name))].map((name) => [name, openFile(join(dirname(path), name))]),
  );
  const weights = new Map<string, Weight>();
  for (const [name, shard] of map) {
    const weight = shards.get(shard)?.weights.get(name);
    if (weight === undefined)
      throw new Error(`${path} says that ${shard} holds ${oneLine(name, 300)}, but it does not`);
    weights.set(name, weight);
  }
  return { path, format: [...shards.values()][0]?.format ?? "safetensors", weights };
}
