import { describe, expect, test } from "vitest";
import { clipTraining, fromDisk, gptObjectives, gptTraining, toDisk, vqganTraining } from "./config.ts";

const stages = { clip: clipTraining, vqgan: vqganTraining, gpt: gptTraining };

describe("names on disk", () => {
  test.each(Object.entries(stages))("all settings of %s go to snake_case and back", (_, schema) => {
    const settings = schema.parse({});
    const written = JSON.stringify(toDisk(settings));
    expect(written).not.toMatch(/"[^"]*[A-Z][^"]*":/);
    expect(schema.parse(fromDisk(JSON.parse(written)))).toEqual(settings);
  });

  test("names change at every depth and values never do", () => {
    const value = {
      batchSize: 3,
      nested: [{ learningRate: "camelCase", none: null }, ["someText", undefined]],
      normGroupsOf32: true,
    };
    const disk = {
      batch_size: 3,
      nested: [{ learning_rate: "camelCase", none: null }, ["someText", undefined]],
      norm_groups_of32: true,
    };
    expect(toDisk(value)).toEqual(disk);
    expect(fromDisk(disk)).toEqual(value);
    expect([toDisk("aB"), fromDisk("a_b"), toDisk(null), fromDisk(7)]).toEqual(["aB", "a_b", null, 7]);
  });

  test("camelCase in a file is left as it is, and no name reaches a prototype", () => {
    expect(fromDisk({ batchSize: 3, snake_2_x: 1 })).toEqual({ batchSize: 3, snake2X: 1 });
    const hostile = fromDisk(JSON.parse('{"__proto__": {"polluted": 1}, "constructor": 2}'));
    expect(Object.getPrototypeOf(hostile)).toBe(Object.prototype);
    expect(Object.keys(Object(hostile))).toHaveLength(2);
    expect("polluted" in {}).toBe(false);
  });
});

describe("settings", () => {
  test("have defaults, all of them", () => {
    expect(clipTraining.parse({})).toMatchObject({ batchSize: 256, betas: [0.9, 0.98], weightDecay: 0.1, crop: 0 });
    expect(vqganTraining.parse({})).toMatchObject({ discWeight: 0.8, pixelLoss: "l1", weightDecay: 0, flip: true });
    expect(gptTraining.parse({})).toMatchObject({
      embeddingNoise: 0.5,
      conditionDrop: 0.1,
      schedule: "cosine",
      objective: { crossEntropy: 1, reconstruction: 0, embedding: 0, embeddingForm: "neg-log", contrastive: 0 },
    });
  });

  test("that are given stay, and the rest of an objective keeps its defaults", () => {
    const settings = gptTraining.parse({ lr: 1, objective: { embedding: 0.2 } });
    expect(settings.lr).toBe(1);
    expect(settings.objective).toMatchObject({ crossEntropy: 1, embedding: 0.2 });
  });

  test.each([
    [{ steps: 0 }, "steps"],
    [{ steps: 1.5 }, "steps"],
    [{ lr: "fast" }, "lr"],
    [{ lr: Number.NaN }, "lr"],
    [{ betas: [0.9] }, "betas"],
    [{ betas: [0.9, 1.1] }, "betas"],
    [{ schedule: "linear" }, "schedule"],
    [{ precision: "int8" }, "precision"],
    [{ seed: -1 }, "seed"],
    [{ conditionDrop: 2 }, "conditionDrop"],
    [{ objective: { embedding: -1 } }, "embedding"],
    [{ objective: { embeding: 1 } }, "embeding"],
    [{ objective: { embeddingForm: "cosine" } }, "embeddingForm"],
  ])("%j is refused by its name", (settings, name) => {
    const parsed = gptTraining.safeParse(settings);
    expect(parsed.success).toBe(false);
    expect(parsed.error?.message).toContain(name);
  });

  test.each(Object.entries(stages))("of %s are explained where their names do not say it", (_, schema) => {
    for (const name of ["steps", "batchSize", "lr", "minLr", "warmup", "betas", "clipGrad", "ema"] as const) {
      expect(schema.shape[name].description, name).toMatch(/\w/);
    }
  });

  test("every named objective is a valid start", () => {
    for (const preset of Object.values(gptObjectives)) expect(gptTraining.safeParse(preset).success).toBe(true);
    expect(gptTraining.parse(gptObjectives.weighted)).toMatchObject({ lr: 5e-5, warmup: 0, steps: 100_000 });
    const dropouts = Object.values(gptObjectives).map((preset) => gptTraining.parse(preset).tokenDropout);
    expect(dropouts).toEqual([0.25, 0, 0]);
  });
});
