import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { temporaryFolder, tinyVqgan } from "../../../test/tiny.ts";
import { vqganPresets } from "../vqgan-config.ts";
import { Vqgan } from "../vqgan.ts";
import { findSettings, readSettings, tamingYaml } from "./taming-yaml.ts";
import { readVqgan } from "./vqgan.ts";

const folder = temporaryFolder();
const config = {
  ...vqganPresets.paper,
  ch: 32,
  chMult: [1, 2],
  numResBlocks: 1,
  resolution: 32,
  attnResolutions: [16],
};

function write(path: string, text: string): string {
  const file = join(folder, path);
  mkdirSync(join(file, ".."), { recursive: true });
  writeFileSync(file, text);
  return file;
}

test("what is written is read again, and agrees with the weights", async () => {
  const small = { ...config, zChannels: 32, embedDim: 8, codebookSize: 16, dropout: 0.25 };
  const path = join(folder, "network");
  await new Vqgan(small).savePretrained(path, { layout: "taming" });
  const file = join(path, "model.yaml");
  expect(readSettings(file)).toMatchObject({ resolution: 32, dropout: 0.25, attnResolutions: [16] });
  const found = readVqgan(join(path, "model.safetensors"));
  expect(found.format).toBe("taming-transformers");
  expect(found.config).toEqual(small);
});

test("a file that describes other weights is refused with every field that differs", async () => {
  const path = join(folder, "other");
  await new Vqgan({ ...config, zChannels: 32, embedDim: 8, codebookSize: 16 }).savePretrained(path);
  const wrong = tamingYaml({ ...config, zChannels: 32, embedDim: 8, codebookSize: 99, attnResolutions: [32] });
  const settings = write("other.yaml", wrong);
  expect(() => readVqgan(join(path, "model.safetensors"), { settings })).toThrow(
    /describes other weights: codebookSize is 99 there, 16 in the weights; attnResolutions is \[32\] there, \[16\]/,
  );
});

test("what taming-transformers cannot express is refused", () => {
  using vqgan = tinyVqgan();
  expect(() => tamingYaml(vqgan.config)).toThrow("its patchSize, normalizeCodebook, normGroups differs");
});

describe("the file that belongs to a checkpoint", () => {
  const yaml = tamingYaml(config);

  test("has its name, is model.yaml, is the only one, or lies where training left it", () => {
    write("same/last.ckpt", "");
    write("same/other.yaml", yaml);
    const same = write("same/last.yaml", yaml);
    expect(findSettings(join(folder, "same/last.ckpt"))).toBe(same);
    write("only/a.ckpt", "");
    const only = write("only/b.yml", yaml);
    expect(findSettings(join(folder, "only/a.ckpt"))).toBe(only);
    write("run/checkpoints/last.ckpt", "");
    const project = write("run/configs/2021-project.yaml", yaml);
    write("run/configs/2021-lightning.yaml", "x: 1");
    expect(findSettings(join(folder, "run/checkpoints/last.ckpt"))).toBe(project);
  });

  test("is not guessed among several", () => {
    write("many/a.ckpt", "");
    write("many/b.yaml", yaml);
    write("many/c.yaml", yaml);
    expect(findSettings(join(folder, "many/a.ckpt"))).toBeUndefined();
  });
});

test.each([
  ["text that is no YAML", "a: [1", /is no YAML/],
  ["another configuration", "model: {target: x}", /does not describe a VQGAN .*params/],
  ["a bomb of aliases", `a: &a [1]\n${"b: [*a, *a]\n".repeat(1)}c: &c [${"*a, ".repeat(200)}1]`, /no YAML|does not/],
])("%s is refused in one line", (_, text, message) => {
  const file = write("bad.yaml", text);
  expect(() => readSettings(file)).toThrow(message);
  expect(() => readSettings(file)).toThrow(/^[^\n]*$/);
});
