import { SafetensorsFile } from "./safetensors.ts";
import { findStateTensors } from "./state-dict.ts";
import { readTorchArchive } from "./torch-archive.ts";

/** A tensor of a weights file, by name. `dtype` is the file's word where the project has none. */
export type WeightInfo = { name: string; dtype: string; shape: readonly number[] };

/**
 * The tensors of a weights file without their numbers: safetensors by its header, torch archives by their pickle, of
 * which nothing is executed. Throws for files that are damaged, of another format, or hold no weights.
 */
export function listWeights(path: string): WeightInfo[] {
  if (path.toLowerCase().endsWith(".safetensors")) {
    using file = SafetensorsFile.open(path);
    return file.names.map((name) => {
      const { dtype, dtypeName, shape } = file.info(name);
      return { name, dtype: dtype ?? dtypeName, shape };
    });
  }
  const tensors = findStateTensors(readTorchArchive(path));
  return Array.from(tensors, ([name, { dtype, dtypeName, shape }]) => ({ name, dtype: dtype ?? dtypeName, shape }));
}
