import { join } from "node:path";
import { expect, test } from "vitest";
import { bytesOf, temporaryFolder, tinyClip, tinyClipConfig } from "../../test/tiny.ts";
import { SafetensorsFile } from "../io/safetensors.ts";
import { noGrad } from "../tensor/autograd.ts";
import { randn } from "../tensor/functions.generated.ts";
import { Clip } from "./clip.ts";
import type { ClipConfig } from "./clip-config.ts";

const folder = temporaryFolder();

const resNet: ClipConfig = {
  ...tinyClipConfig,
  vision: { layers: [1, 2, 1, 1], width: 8, heads: 4, imageSize: 32 },
};

test.each([
  ["a vision transformer, as Hugging Face", tinyClipConfig, "huggingface"],
  ["a vision transformer, as open_clip", tinyClipConfig, "open_clip"],
  ["a ResNet, as open_clip", resNet, "open_clip"],
] as const)("%s: what is saved comes back, bit for bit", async (name, config, layout) => {
  const path = join(folder, name);
  using clip = new Clip(config, tinyClip().tokenizer);
  await clip.savePretrained(path, { layout });
  using read = await Clip.fromPretrained(path);
  expect(bytesOf(read.stateDict())).toEqual(bytesOf(clip.stateDict()));
  // open_clip has heads of one width for both towers' files; the tiny towers keep theirs.
  expect(read.config).toEqual(config);
  expect(read.tokenizer?.vocabSize).toBe(config.text.vocabSize);
  const images = randn([2, 3, config.vision.imageSize, config.vision.imageSize]);
  const [before, after] = noGrad(() => [clip.eval().encodeImage(images), read.encodeImage(images)]);
  expect(after.toNumbers()).toEqual(before.toNumbers());
});

test("one layout after the other gives the same weights", async () => {
  using clip = tinyClip();
  const [first, second] = [join(folder, "first"), join(folder, "second")];
  await clip.savePretrained(first, { layout: "open_clip" });
  await (await Clip.fromPretrained(first)).savePretrained(second);
  using read = await Clip.fromPretrained(second);
  expect(bytesOf(read.stateDict())).toEqual(bytesOf(clip.stateDict()));
});

test("open_clip's file has OpenAI's names, and projections as OpenAI has them", async () => {
  const path = join(folder, "names");
  using clip = tinyClip();
  await clip.savePretrained(path, { layout: "open_clip" });
  const { weights } = new SafetensorsFile(join(path, "open_clip_model.safetensors"));
  expect(weights.get("visual.proj")?.shape).toEqual([16, 8]);
  expect(weights.get("transformer.resblocks.0.attn.in_proj_weight")?.shape).toEqual([48, 16]);
  expect([...weights.keys()].filter((name) => name.includes("_model"))).toEqual([]);
});

test("a ResNet cannot be saved for Hugging Face", async () => {
  using clip = new Clip(resNet);
  await expect(clip.savePretrained(join(folder, "refused"), { layout: "huggingface" })).rejects.toThrow("no ResNet");
});
