import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { byteLengthOf, type StoredDType } from "../src/io/stored-tensor.ts";
import { wholeWeight, type Weight, type Weights } from "../src/io/weight.ts";

const folder = fileURLToPath(new URL("../../shared/checkpoints/", import.meta.url));

/** Whether the lists of names and shapes of published checkpoints lie beside this checkout. */
export const hasPublished: boolean = existsSync(folder);
export const publishedNote: string = hasPublished ? "" : " (skipped: ../shared/checkpoints is not here)";

function readInto(): never {
  throw new Error("this tensor has a shape only");
}

/** A tensor of a file that has no numbers: whoever reads it fails. */
export function emptyWeight(shape: readonly number[], dtype: StoredDType = "float32"): Weight {
  return wholeWeight(
    { kind: "storage", dtype, dtypeName: dtype, byteLength: byteLengthOf(dtype, shape), readInto },
    shape,
  );
}

/** Names and shapes of a published checkpoint, one tensor a line of a table. */
export function publishedWeights(table: string): Weights {
  const lines = readFileSync(`${folder}${table}`, "utf8").trim().split("\n");
  return new Map(
    lines.map((line) => {
      const [name = "", shape = "[]", dtype = "float32"] = line.split("\t");
      const sizes: number[] = JSON.parse(shape);
      return [name, emptyWeight(sizes, dtype === "bool" || dtype === "float16" ? dtype : "float32")];
    }),
  );
}
