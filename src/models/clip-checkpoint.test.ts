import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { arange, zeros } from "../tensor/functions.generated.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { clipConfigFromShapes, clipStateDict } from "./clip-checkpoint.ts";
import { clipPresets } from "./clip-config.ts";

const folder = fileURLToPath(new URL("../../../shared/checkpoints/", import.meta.url));
const note = existsSync(folder) ? "" : " (skipped: ../shared/checkpoints is not here)";

/** Every tensor of a published model as one number that is shown in its shape, so that it takes no memory. */
function listed(file: string): Map<string, Tensor> {
  const lines = readFileSync(`${folder}${file}`, "utf8").trim().split("\n");
  return new Map(
    lines.map((line) => {
      const [name = "", shape = "[]"] = line.split("\t");
      const sizes: number[] = JSON.parse(shape);
      return [name, zeros(sizes.map(() => 1)).expand(sizes)];
    }),
  );
}

const shapes = (state: ReadonlyMap<string, Tensor>): string[] =>
  [...state].map(([name, { shape }]) => `${name} ${shape.join(" ")}`).sort();

describe.skipIf(note !== "")(`published CLIPs get Hugging Face's names${note}`, () => {
  test.each(["openai_clip_vitb32.tsv", "open_clip_vitb32.tsv", "hf_clip_vitb32.tsv"])("%s", (file) => {
    const state = clipStateDict(listed(file));
    expect(shapes(state)).toEqual(shapes(listed("hf_clip_vitb32.tsv")));
    expect(clipConfigFromShapes(state)).toEqual(clipPresets["vit-b-32"]);
  });

  test("also with the prefix of a training wrapper", () => {
    const wrapped = new Map(Array.from(listed("open_clip_vitb32.tsv"), ([name, t]) => [`module.${name}`, t]));
    expect(shapes(clipStateDict(wrapped))).toEqual(shapes(listed("hf_clip_vitb32.tsv")));
  });
});

test("projections are transposed and the three parts of attention are told apart", () => {
  const state = clipStateDict(
    new Map([
      ["text_projection", arange(0, 4).view([2, 2])],
      ["visual.transformer.resblocks.3.attn.in_proj_bias", arange(0, 6)],
    ]),
  );
  const bias = (part: string): number[] | undefined =>
    state.get(`vision_model.encoder.layers.3.self_attn.${part}_proj.bias`)?.toNumbers();
  expect(state.get("text_projection.weight")?.toNumbers()).toEqual([0, 2, 1, 3]);
  expect([bias("q"), bias("k"), bias("v")]).toEqual([
    [0, 1],
    [2, 3],
    [4, 5],
  ]);
});

test("what is no weight is left out, and what is unknown stays for the loader to name", () => {
  const names = ["input_resolution", "vocab_size", "text_model.embeddings.position_ids", "visual.extra"];
  expect([...clipStateDict(new Map(names.map((name) => [name, zeros([])]))).keys()]).toEqual(["visual.extra"]);
});

test("a CLIP with a ResNet and files without a CLIP are refused in words", () => {
  const resnet = new Map([["visual.layer1.0.conv1.weight", zeros([1])]]);
  expect(() => clipStateDict(resnet)).toThrow("sees with a ResNet");
  expect(() => clipConfigFromShapes(new Map())).toThrow(/is missing/);
});
