import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { damage, fuzzed, tried } from "../../test/fuzz.ts";
import { type Json, mutate, mutateJson } from "../../test/mutate.ts";
import { temporaryFolder, tinyModel } from "../../test/tiny.ts";
import { ClipGen } from "../generate/pipeline.ts";
import { setThreadCount } from "../tensor/engine.ts";
import { Clip } from "./clip.ts";
import { readSettings, tamingYaml } from "./formats/taming-yaml.ts";
import { Gpt } from "./gpt.ts";
import { Vqgan } from "./vqgan.ts";
import { vqganPresets } from "./vqgan-config.ts";

// More than these networks take, and far less than a configuration can ask for.
const MAX_BYTES = 2 ** 28;
const folder = temporaryFolder();
const model = join(folder, "model");

beforeAll(async () => {
  setThreadCount(1);
  await tinyModel().savePretrained(model, { about: { pictures: "none", calibration: { agreement: 0.5, score: 0.3 } } });
});

/** Loads something; what goes wrong beyond an honest error, or the memory that it should not have taken. */
async function loaded(load: () => Promise<unknown>): Promise<string | null> {
  const before = process.memoryUsage.rss();
  const problem = await tried(load, { thrown: true });
  const grown = process.memoryUsage.rss() - before;
  return problem ?? (grown > MAX_BYTES ? `it took ${grown} bytes` : null);
}

type Kind = [file: string, load: () => Promise<unknown>];
const kinds: Kind[] = [
  ["gpt/config.json", async () => await Gpt.fromPretrained(join(model, "gpt"))],
  ["vqgan/config.json", async () => await Vqgan.fromPretrained(join(model, "vqgan"))],
  ["clip/config.json", async () => await Clip.fromPretrained(join(model, "clip"))],
  ["clip/preprocessor_config.json", async () => await Clip.fromPretrained(join(model, "clip"))],
  ["clip/tokenizer.json", async () => await Clip.fromPretrained(join(model, "clip"))],
  ["model.json", async () => await ClipGen.fromPretrained(model, { precision: "float32" })],
];

describe.each(kinds)("a model's %s", (name, load) => {
  test("that is damaged is read or refused in one line", async () => {
    const file = join(model, name);
    const whole = readFileSync(file);
    const json: Json = JSON.parse(whole.toString());
    expect(await loaded(load)).toBeNull();
    await fc.assert(
      fc.asyncProperty(damage, async (random) => {
        writeFileSync(file, random.chance(0.7) ? mutateJson(json, random) : mutate(whole, random));
        expect(await loaded(load)).toBeNull();
      }),
      fuzzed(100),
    );
    for (const text of [
      "",
      "null",
      "[]",
      "{}",
      `${"[".repeat(1e5)}${"]".repeat(1e5)}`,
      `${'{"a":'.repeat(1e5)}1${"}".repeat(1e5)}`,
    ]) {
      writeFileSync(file, text);
      expect(await loaded(load), text.slice(0, 20)).toBeNull();
    }
    writeFileSync(file, whole);
    expect(await loaded(load)).toBeNull();
  });

  test("whose numbers are huge is refused before their memory is taken", async () => {
    const file = join(model, name);
    const whole = readFileSync(file, "utf8");
    const places = Array.from(whole.matchAll(/: (\d+)(?=[,\n])/g));
    for (const { index, 0: found } of places.slice(0, 40)) {
      for (const number of [0, 999, 65_536, 2 ** 31, 2 ** 53 - 1]) {
        writeFileSync(file, `${whole.slice(0, index)}: ${number}${whole.slice(index + found.length)}`);
        expect(await loaded(load), `${found} → ${number}`).toBeNull();
      }
    }
    writeFileSync(file, whole);
  });
});

test("taming-transformers' YAML that is damaged is read or refused in one line", async () => {
  const file = join(folder, "model.yaml");
  const yaml = tamingYaml(vqganPresets.paper);
  await fc.assert(
    fc.asyncProperty(damage, async (random) => {
      writeFileSync(file, mutate(Buffer.from(yaml), random));
      expect(await tried(() => readSettings(file))).toBeNull();
    }),
    fuzzed(300),
  );
});
