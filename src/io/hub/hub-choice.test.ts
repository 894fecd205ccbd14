import { expect, test } from "vitest";
import { chooseFiles } from "./hub-choice.ts";

test("of OpenAI's CLIP, what a network needs, with one of its four kinds of weights", () => {
  const names = [".gitattributes", "README.md", "config.json", "flax_model.msgpack", "merges.txt", "model.safetensors"];
  names.push("preprocessor_config.json", "pytorch_model.bin", "special_tokens_map.json", "tf_model.h5");
  names.push("tokenizer.json", "tokenizer_config.json", "vocab.json", "onnx/config.json", "onnx/model.onnx");
  expect(chooseFiles(names)).toEqual([
    "config.json",
    "merges.txt",
    "model.safetensors",
    "preprocessor_config.json",
    "tokenizer.json",
    "vocab.json",
  ]);
});

test.each([
  [["a.txt", "flax_model.msgpack", "pytorch_model.bin"], ["pytorch_model.bin"]],
  [
    ["config.json", "flax_model.msgpack"],
    ["config.json", "flax_model.msgpack"],
  ],
  [
    ["last.ckpt", "model.yaml", "other.bin"],
    ["last.ckpt", "model.yaml"],
  ],
  [
    ["open_clip_config.json", "open_clip_model.safetensors", "open_clip_pytorch_model.bin"],
    ["open_clip_config.json", "open_clip_model.safetensors"],
  ],
  [
    [
      "model-00001-of-00002.safetensors",
      "model-00002-of-00002.safetensors",
      "model.safetensors.index.json",
      "model.bin",
    ],
    ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"],
  ],
  [
    ["model.json", "README.md", "clip/config.json", "clip/model.safetensors", "gpt/model.safetensors", "samples/a.png"],
    ["model.json", "clip/config.json", "clip/model.safetensors", "gpt/model.safetensors"],
  ],
])("of %j, %j", (names, chosen) => {
  expect(chooseFiles(names)).toEqual(chosen);
});

test("patterns are names, or have a star that stands for anything", () => {
  const names = ["a.bin", "a.bin.txt", "b/a.bin", "aab"];
  expect(chooseFiles(names, { include: ["a.bin"] })).toEqual(["a.bin"]);
  expect(chooseFiles(names, { include: ["*.bin"] })).toEqual(["a.bin", "b/a.bin"]);
  expect(chooseFiles(names, { include: ["b/*", "aab*"] })).toEqual(["b/a.bin", "aab"]);
  expect(chooseFiles(names, { include: ["a*a*b"] })).toEqual(["aab"]);
  expect(chooseFiles(names, { include: ["*a*.*.*t"] })).toEqual(["a.bin.txt"]);
  expect(chooseFiles(names, { all: true })).toEqual(names);
  expect(() => chooseFiles(names, { include: ["aab*b"] })).toThrow("no file matches aab*b");
});

test("many stars take no time", () => {
  const start = performance.now();
  expect(() => chooseFiles(["a".repeat(1000)], { include: [`${"a*".repeat(300)}b`] })).toThrow("no file matches");
  expect(performance.now() - start).toBeLessThan(1000);
});

test("where there is nothing to choose, what there is is told", () => {
  expect(() => chooseFiles(["README.md", "model.onnx"])).toThrow(
    "the repository has no file that clip-gen can use; choose with --include, or take --all. There are: README.md, model.onnx",
  );
  expect(() => chooseFiles(Array.from({ length: 30 }, (_, index) => `${index}`))).toThrow(/, 19 and 10 more$/);
});
