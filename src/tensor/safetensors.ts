import { SafetensorsFile, writeSafetensorsFile } from "../io/safetensors.ts";
import { Tensor } from "./tensor.ts";

/** Reads every tensor of a safetensors file: name → tensor on the CPU. Errors name the file and what is wrong with it. */
export function readSafetensors(path: string): Map<string, Tensor> {
  using file = SafetensorsFile.open(path);
  return new Map(
    file.names.map((name) => {
      const stored = file.read(name);
      return [name, Tensor.fromBytes(stored.data, stored.shape, stored.dtype)];
    }),
  );
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
