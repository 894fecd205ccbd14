import { existsSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { fromDisk, toDisk } from "../config.ts";
import { readJson, writeJson } from "../io/json.ts";
import { findStateDict } from "../io/state-dict.ts";
import { readTorchArchive } from "../io/torch-archive.ts";
import type { Module } from "../nn/module.ts";
import { readSafetensors, writeSafetensors } from "../tensor/safetensors.ts";
import { tidy } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";

// One network on disk is a folder: config.json (snake_case, with `model_type`) and model.safetensors.

/** Writes `config.json` and `model.safetensors`; the folder is made where it is missing. */
export function saveNetwork(
  folder: string,
  network: { modelType: string; config: object; module: Module; dtype?: "float32" | "bfloat16" },
): void {
  const { modelType, config, module, dtype = "float32" } = network;
  mkdirSync(folder, { recursive: true });
  tidy(() => {
    const state = Array.from(module.stateDict(), ([name, tensor]): [string, Tensor] => [
      name,
      tensor.dtype === "float32" ? tensor.detach().to(dtype) : tensor,
    ]);
    writeSafetensors(join(folder, "model.safetensors"), state, { format: "pt" });
  });
  writeJson(join(folder, "config.json"), { model_type: modelType, ...keysToDisk(config) });
}

/** The configuration of a network's folder, checked; errors name the file and every wrong field. */
export function readConfig<T>(folder: string, options: { modelType: string; schema: z.ZodType<T> }): T {
  const file = join(folder, "config.json");
  const json = readJson(file);
  const { modelType, schema } = options;
  const found = z.looseObject({ model_type: z.string() }).safeParse(json);
  if (found.success && found.data.model_type !== modelType) {
    throw new Error(`${file} describes a ${found.data.model_type}, expected a ${modelType}`);
  }
  const parsed = schema.safeParse(fromDisk(json));
  if (!parsed.success)
    throw new Error(`${file} is no configuration of a ${modelType}: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

/** The tensors of a weights file by name: safetensors, or a torch archive, of which nothing is executed. */
export function readWeights(path: string): Map<string, Tensor> {
  if (!existsSync(path)) throw new Error(`${path} does not exist`);
  if (statSync(path).isDirectory()) {
    const file = ["model.safetensors", "pytorch_model.bin"].map((name) => join(path, name)).find(existsSync);
    if (!file) throw new Error(`${path} holds no weights: expected model.safetensors or pytorch_model.bin`);
    return readWeights(file);
  }
  if (path.endsWith(".safetensors")) return readSafetensors(path);
  const stored = findStateDict(readTorchArchive(path));
  return new Map(
    Array.from(stored, ([name, tensor]) => [name, Tensor.fromBytes(tensor.data, tensor.shape, tensor.dtype)]),
  );
}

function keysToDisk(config: object): object {
  const value = toDisk(config);
  return typeof value === "object" && value !== null ? value : {};
}
