import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { Golden, goldenNote, hasGolden } from "../../test/golden.ts";
import { clipConfigJson, openClipConfigJson, parseClipConfig } from "./clip-config-json.ts";
import { clipPresets, isResNet, type ClipConfig } from "./clip-config.ts";

const json = (path: string): unknown => JSON.parse(readFileSync(path, "utf8"));

const transformers = Object.entries(clipPresets).filter(([, { vision }]) => !isResNet(vision));
test.each(transformers)("the preset %s comes back from Hugging Face's files", (_name, preset) => {
  const files = clipConfigJson({ ...preset, imageMean: [0.1, 0.2, 0.3] });
  expect(parseClipConfig(files.config, files.preprocessor)).toEqual({ ...preset, imageMean: [0.1, 0.2, 0.3] });
});

test("a width inside the feed-forward parts that is not four times the width comes back", () => {
  const preset = clipPresets.tiny32;
  const config = { ...preset, vision: { ...preset.vision, mlpWidth: 300 } };
  expect(parseClipConfig(clipConfigJson(config).config)).toEqual(config);
});

describe.skipIf(!hasGolden)(`published files${goldenNote}`, () => {
  test.each([
    ["a", "hf/config.json"],
    ["b", "open_clip_config.json"],
  ])("clip-vit/%s/%s", (name, file) => {
    const golden = new Golden(`clip-vit/${name}`);
    const { text, vision, embedDim, activation } = parseClipConfig(json(golden.path(file)));
    if (isResNet(vision)) throw new Error("this is no vision transformer");
    expect({
      embed_dim: embedDim,
      image_resolution: vision.imageSize,
      vision_layers: vision.layers,
      vision_width: vision.width,
      vision_patch_size: vision.patchSize,
      context_length: text.contextLength,
      vocab_size: text.vocabSize,
      transformer_width: text.width,
      transformer_heads: text.heads,
      transformer_layers: text.layers,
    }).toEqual(golden.config);
    expect(activation).toBe("quick_gelu");
    expect(vision.heads).toBe(vision.width / 64);
  });
});

test("open_clip's default is the exact GELU", () => {
  const model_cfg = {
    embed_dim: 8,
    vision_cfg: { layers: 1, width: 128, image_size: 8, patch_size: 4 },
    text_cfg: { layers: 1, width: 64, heads: 1 },
  };
  const config = parseClipConfig({ model_cfg });
  expect(config.activation).toBe("gelu");
  expect(config.vision.heads).toBe(2);
});

test("Hugging Face's defaults are those of the published base model", () => {
  expect(parseClipConfig({ model_type: "clip" })).toEqual(clipPresets["vit-b-32"]);
});

test("open_clip's file comes back, with a transformer and with a ResNet", () => {
  const transformer = { ...clipPresets["vit-b-32"], activation: "gelu" as const };
  const resNet: ClipConfig = {
    ...transformer,
    vision: { layers: [3, 4, 6, 3], width: 64, heads: 32, imageSize: 224 },
  };
  for (const config of [transformer, resNet]) expect(parseClipConfig(openClipConfigJson(config))).toEqual(config);
});

test("errors name the field that is wrong", () => {
  expect(() => parseClipConfig({ text_config: { hidden_act: "swish" } })).toThrow(/text_config\.hidden_act/);
  expect(() => parseClipConfig({ model_cfg: { vision_cfg: { layers: [3, 4, 6] } } })).toThrow(/vision_cfg/);
  expect(() => parseClipConfig("clip")).toThrow("no configuration of a CLIP");
});
