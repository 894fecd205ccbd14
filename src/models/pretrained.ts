import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { toDisk } from "../config.ts";
import { writeJson } from "../io/json.ts";
import { openWeights } from "../io/weights-file.ts";
import { Linear } from "../nn/layers.ts";
import type { Module, WeightDType } from "../nn/module.ts";
import { isFloatingPoint } from "../tensor/dtype.ts";
import { writeSafetensors } from "../tensor/safetensors.ts";
import { tidy } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { readTensor } from "../tensor/weights.ts";

// One network on disk is a folder: config.json (snake_case, with `model_type`) and model.safetensors.

export type LoadOptions = { dtype?: WeightDType };
/** Without a dtype, weights are written as they are held. */
export type SaveOptions = { dtype?: "float32" | "bfloat16" };

/** Writes `config.json` and `model.safetensors`; the folder is made where it is missing. */
export function saveNetwork(
  folder: string,
  network: SaveOptions & { modelType: string; config: object; module: Module },
): void {
  const { modelType, config, module, dtype } = network;
  for (const part of module.modules()) {
    if (part instanceof Linear && part.scale)
      throw new Error("weights that were rounded to 8 bits cannot be saved: read the model in another precision");
  }
  mkdirSync(folder, { recursive: true });
  tidy(() => {
    const state = Array.from(module.stateDict(), ([name, tensor]): [string, Tensor] => [
      name,
      dtype !== undefined && isFloatingPoint(tensor.dtype) ? tensor.detach().to(dtype) : tensor,
    ]);
    writeSafetensors(join(folder, "model.safetensors"), state, { format: "pt" });
  });
  writeJson(join(folder, "config.json"), { model_type: modelType, ...keysToDisk(config) });
}

/** The tensors of a weights file by name, whatever its format; nothing that it says is executed. */
export function readWeights(path: string): Map<string, Tensor> {
  const { weights } = openWeights(path);
  return new Map(Array.from(weights, ([name, weight]) => [name, readTensor(`${name} of ${path}`, weight)]));
}

function keysToDisk(config: object): object {
  const value = toDisk(config);
  return typeof value === "object" && value !== null ? value : {};
}
