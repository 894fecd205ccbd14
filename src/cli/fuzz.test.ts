import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { Command } from "commander";
import sharp from "sharp";
import { beforeAll, describe, expect, test } from "vitest";
import { damage, fuzzed, tried } from "../../test/fuzz.ts";
import { type Json, mutate, mutateJson } from "../../test/mutate.ts";
import { printedLines } from "../../test/printed.ts";
import { temporaryFolder } from "../../test/tiny.ts";
import { clipTraining, gptTraining, toDisk, vqganTraining } from "../config.ts";
import { addPngText } from "../io/png-text.ts";
import { main } from "./main.ts";
import { addSettings } from "./settings-flags.ts";
import { readSettings } from "./settings.ts";

const folder = temporaryFolder();

/** Reads settings as a command line gives them; what goes wrong beyond an honest error. */
async function settings(args: string[]): Promise<string | null> {
  const read = (): void => {
    const command = new Command("gpt").exitOverride().configureOutput({ writeErr: () => {} });
    addSettings(command, gptTraining);
    command.parse(args, { from: "user" });
    const result = readSettings(gptTraining, command.opts());
    // Nothing came from a prototype.
    expect(Object.keys(result).toSorted()).toEqual(Object.keys(gptTraining.parse({})).toSorted());
  };
  return await tried(read, { lines: true });
}

const fromFile = async (content: string | Uint8Array): Promise<string | null> => {
  const file = join(folder, "settings.yaml");
  writeFileSync(file, content);
  return await settings(["--config", file]);
};

describe("settings that anyone may have written", () => {
  const defaults: Json = JSON.parse(JSON.stringify(toDisk(gptTraining.parse({}))));

  test("damaged files of settings are read or refused by name", async () => {
    await fc.assert(
      fc.asyncProperty(damage, async (random) => {
        expect(await fromFile(mutateJson(defaults, random))).toBeNull();
        expect(await fromFile(mutate(Buffer.from(JSON.stringify(defaults)), random))).toBeNull();
      }),
      fuzzed(200),
    );
  });

  test("names and values of --set may be anything", async () => {
    const name = fc.oneof(
      fc.constantFrom("__proto__", "constructor", "lr", "objective.__proto__", "a.b.c"),
      fc.string(),
    );
    await fc.assert(
      fc.asyncProperty(name, fc.oneof(fc.string(), fc.json()), async (key, value) => {
        expect(await settings(["--set", `${key}=${value}`])).toBeNull();
        expect(await settings([`--lr=${value}`, `--device=${key}`])).toBeNull();
      }),
      fuzzed(200),
    );
  });

  test.each([
    ["a prototype", "__proto__: {lr: 5, polluted: 1}", /unknown setting/],
    ["a prototype in JSON", '{"__proto__": {"lr": 5}}', /unknown setting/],
    ["a prototype further in", "objective: {__proto__: {embedding: 5}}", /objective/],
    ["names that every object has", "constructor: 1\ntoString: 2\nhasOwnProperty: 3", /constructor, toString, hasOwn/],
    ["a list that holds itself", "betas: &a [*a, 1]", /holds itself/],
    ["settings that hold themselves", "&a {objective: *a}", /holds itself/],
    ["a function", "lr: !!js/function 'function () { process.exit(9) }'", /Unresolved tag/],
    ["brackets in each other", `lr: ${"[".repeat(50_000)}`, /nests deeper/],
    ["a name with control codes", '"a\\e[2J": 1', /unknown setting a\\u001b\[2J/],
    ["a name further in with control codes", 'objective: {"a\\e[2J": 1}', /a\\u001b\[2J/],
  ])("%s is refused", async (_, text, message) => {
    const file = join(folder, "hostile.yaml");
    writeFileSync(file, text);
    expect(() => readSettings(gptTraining, { config: file })).toThrow(message);
    expect(await fromFile(text)).toBeNull();
  });
});

describe("what `inspect` is given", () => {
  const { error: failed, all: printed, clear } = printedLines();
  let png = Buffer.alloc(0);
  beforeAll(async () => {
    const origin = {
      prompt: "a cat",
      seed: 1,
      score: 0.5,
      model: "tiny",
      topP: 0.9,
      blend: [{ prompt: "x", weight: 1 }],
    };
    const plain = await sharp({ create: { width: 8, height: 8, channels: 3, background: "red" } })
      .png()
      .toBuffer();
    png = Buffer.from(addPngText(plain, { "clip-gen": JSON.stringify(origin), other: "x" }));
  });

  /** Inspects a path, with and without --json: one line on what is wrong, or a report, and nothing that moves a cursor. */
  const inspect = async (path: string): Promise<string | null> => {
    for (const flags of [[], ["--json"]]) {
      clear();
      const problem = await tried(async () => await main(["node", "clip-gen", "inspect", path, ...flags]));
      if (problem !== null) return problem;
      if (failed.length > 1 || failed.some((line) => !/^clip-gen: [^\n]{1,2000}$/.test(line))) return failed.join("\n");
      if (failed.some((line) => /Cannot read|undefined|is not a function|call stack/.test(line)))
        return failed.join("\n");
      const moved = printed.find((line) => /[^\P{Cc}\n\t]/u.test(line));
      if (moved !== undefined) return JSON.stringify(moved);
    }
    return null;
  };

  const inspectDamaged = async (name: string, whole: Uint8Array, { runs }: { runs: number }): Promise<void> => {
    const file = join(folder, name);
    await fc.assert(
      fc.asyncProperty(damage, async (random) => {
        writeFileSync(file, mutate(whole, random));
        expect(await inspect(file)).toBeNull();
      }),
      fuzzed(runs),
    );
  };

  test("pictures with damaged chunks", async () => {
    await inspectDamaged("picture.png", png, { runs: 200 });
  });

  test("pictures that tell anything of themselves", async () => {
    const origin: Json = {
      prompt: "a",
      seed: 1,
      score: 1,
      model: "m",
      blend: [{ picture: "x", weight: 1 }],
      stops: [1],
    };
    const file = join(folder, "told.png");
    await fc.assert(
      fc.asyncProperty(damage, fc.string({ unit: "binary" }), async (random, text) => {
        const told = random.chance(0.5)
          ? mutateJson(origin, random).toString()
          : JSON.stringify({ prompt: text, seed: 1, score: 1, model: text });
        writeFileSync(file, addPngText(png, { "clip-gen": told }));
        expect(await inspect(file)).toBeNull();
      }),
      fuzzed(200),
    );
    writeFileSync(file, addPngText(png, { "clip-gen": `${'{"a":'.repeat(50_000)}1${"}".repeat(50_000)}` }));
    expect(await inspect(file)).toBeNull();
    expect(failed[0]).toContain("its text is no JSON");
  });

  test("WebPs with damaged chunks", async () => {
    const whole = await sharp(png)
      .webp()
      .withXmp(`<x:xmpmeta xmlns:x="adobe:ns:meta/"><cg:origin>{"seeds":[1]}</cg:origin></x:xmpmeta>`)
      .toBuffer();
    await inspectDamaged("picture.webp", whole, { runs: 100 });
  });

  test("folders of runs whose files are damaged", async () => {
    const path = join(folder, "run");
    mkdirSync(join(path, "checkpoints/step-0000002"), { recursive: true });
    const config: Json = JSON.parse(JSON.stringify({ stage: "vqgan", ...Object(toDisk(vqganTraining.parse({}))) }));
    const metrics = Buffer.from('{"step":0,"loss":1,"time":5}\n{"step":1,"loss":0.5,"time":6}\n');
    await fc.assert(
      fc.asyncProperty(damage, async (random) => {
        writeFileSync(join(path, "config.json"), mutateJson(config, random));
        writeFileSync(join(path, "metrics.jsonl"), mutate(metrics, random));
        expect(await inspect(path)).toBeNull();
      }),
      fuzzed(100),
    );
  });

  test("folders of models and of encoded pictures whose JSON is damaged", async () => {
    const model = join(folder, "model");
    const encoded = join(folder, "encoded");
    for (const path of [model, encoded]) mkdirSync(path);
    const about: Json = JSON.parse(
      JSON.stringify({ format: "clip-gen model", pictures: "none", clip: toDisk(clipTraining.parse({})) }),
    );
    const index: Json = {
      format: "clip-gen encoded pictures",
      names: ["a"],
      captions: [["b"]],
      shards: [{ count: 1 }],
    };
    await fc.assert(
      fc.asyncProperty(damage, async (random) => {
        writeFileSync(
          join(model, "model.json"),
          random.chance(0.5) ? mutateJson(about, random) : mutate(Buffer.from(JSON.stringify(about)), random),
        );
        writeFileSync(join(encoded, "index.json"), mutateJson(index, random));
        expect(await inspect(model)).toBeNull();
        expect(await inspect(encoded)).toBeNull();
      }),
      fuzzed(100),
    );
    writeFileSync(join(model, "model.json"), "[".repeat(1e5) + "]".repeat(1e5));
    expect(await inspect(model)).toBeNull();
    expect(failed[0]).toContain("nests deeper than");
    expect(readFileSync(join(model, "model.json")).length).toBe(2e5);
  });
});
