import { SafetensorsFile, writeSafetensorsFile } from "../io/safetensors.ts";
import type { Tensor } from "./tensor.ts";
import { readTensor } from "./weights.ts";

/** Reads every tensor of a safetensors file: name → tensor on the CPU. Errors name the file and what is wrong with it. */
export function readSafetensors(path: string): Map<string, Tensor> {
  const { weights } = new SafetensorsFile(path);
  return new Map(Array.from(weights, ([name, weight]) => [name, readTensor(`${name} of ${path}`, weight)]));
}

/** Writes tensors with their names; the file appears whole or not at all. */
export function writeSafetensors(
  path: string,
  tensors: Iterable<readonly [string, Tensor]>,
  metadata: Record<string, string> = {},
): void {
  const stored = Array.from(
    tensors,
    ([name, tensor]) =>
      [name, { dtype: tensor.dtype, shape: [...tensor.shape], data: tensor.toBytes() }] satisfies [string, unknown],
  );
  writeSafetensorsFile(path, stored, metadata);
}
