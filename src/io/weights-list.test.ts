import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { writeSafetensorsFile } from "./safetensors.ts";
import { listWeights } from "./weights-list.ts";

const folder = mkdtempSync(join(tmpdir(), "clip-gen-weights-"));

test("a safetensors file gives names, types and shapes in order", () => {
  const file = join(folder, "two.safetensors");
  writeSafetensorsFile(file, [
    ["b", { dtype: "float32", shape: [2, 3], data: new Uint8Array(24) }],
    ["a", { dtype: "bfloat16", shape: [], data: new Uint8Array(2) }],
  ]);
  expect(listWeights(file)).toEqual([
    { name: "b", dtype: "float32", shape: [2, 3] },
    { name: "a", dtype: "bfloat16", shape: [] },
  ]);
});

test("a file of another format is refused by name", () => {
  const file = join(folder, "notes.pt");
  writeFileSync(file, "no weights here");
  expect(() => listWeights(file)).toThrow(/notes\.pt is not a torch file/);
});
