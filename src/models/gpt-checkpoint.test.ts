import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { zeros } from "../tensor/functions.generated.ts";
import { hfaiGptStateDict } from "./gpt-checkpoint.ts";

const folder = fileURLToPath(new URL("../../../shared/checkpoints/", import.meta.url));
const note = existsSync(folder) ? "" : " (skipped: ../shared/checkpoints is not here)";

describe.skipIf(note !== "")(`HFAiLab's GPT gets our names${note}`, () => {
  test.each(["hfai_gpt2_medium.tsv", "hfai_gpt2_large.tsv"])("%s", (file) => {
    const lines = readFileSync(`${folder}${file}`, "utf8").trim().split("\n");
    const state = new Map(
      lines.map((line) => {
        const [name = "", shape = "[]"] = line.split("\t");
        const sizes: number[] = JSON.parse(shape);
        return [name, zeros(sizes.map(() => 1)).expand(sizes)];
      }),
    );
    const masks = lines.filter((line) => line.includes(".mask\t")).length;
    const named = hfaiGptStateDict(state);
    expect(named.size).toBe(lines.length - masks);
    const block = [...named.keys()].filter((name) => name.startsWith("blocks.1."));
    const parts = ["attention.proj", "attention.qkv", "mlp.fc1", "mlp.fc2", "norm1", "norm2"];
    expect(block.sort()).toEqual(parts.flatMap((part) => [`blocks.1.${part}.bias`, `blocks.1.${part}.weight`]));
    expect([...named.keys()].filter((name) => !name.startsWith("blocks.")).sort()).toEqual([
      "condition_proj.bias",
      "condition_proj.weight",
      "head.bias",
      "head.weight",
      "norm.bias",
      "norm.weight",
      "position_embedding",
      "token_embedding.weight",
    ]);
    expect(named.get("position_embedding")?.shape).toEqual(state.get("pos_emb")?.shape.slice(1));
  });
});

test("an unknown name stays for the loader to name", () => {
  expect([...hfaiGptStateDict(new Map([["blocks.0.encoder.extra", zeros([])]])).keys()]).toEqual([
    "blocks.0.encoder.extra",
  ]);
});
