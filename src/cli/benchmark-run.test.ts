import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { printedLines } from "../../test/printed.ts";
import { temporaryFolder, tinyModel } from "../../test/tiny.ts";
import { setThreadCount } from "../tensor/engine.ts";
import { main } from "./main.ts";

const folder = temporaryFolder();
const model = join(folder, "model");
const { log, error } = printedLines();
const schema = z.object({
  method: z.string(),
  figures: z.record(z.string(), z.number()),
  drawings: z.array(z.object({ split: z.string(), prompt: z.string(), answers: z.array(z.unknown()) })),
});

beforeAll(async () => {
  setThreadCount(1);
  await tinyModel().savePretrained(model);
});

async function run(output: string, ...args: string[]): Promise<z.infer<typeof schema>> {
  await main(["node", "clip-gen", "benchmark", "-m", model, "-o", output, ...args]);
  return schema.parse(JSON.parse(readFileSync(join(output, "metrics.json"), "utf8")));
}

describe("clip-gen benchmark", () => {
  test("draws every split's sentences, as often as asked, and says what is right", async () => {
    const output = join(folder, "drawn");
    const { figures, drawings } = await run(output, "--each", "2", "--runs", "2", "--seed", "3");
    expect(drawings).toHaveLength(14);
    expect(drawings[0]?.answers).toHaveLength(2);
    expect(figures["seen_all"]).toBeGreaterThanOrEqual(0);
    expect(existsSync(join(output, "grid.png"))).toBe(true);
    expect(log.join("\n")).toContain("unseen pair");
  });

  test("compares with the training's nearest picture, which a CLIP of chance cannot find", async () => {
    const { method, figures } = await run(join(folder, "retrieved"), "--each", "1", "--method", "retrieve");
    expect(method).toBe("retrieve");
    expect(figures["seconds_per_picture"]).toBeGreaterThan(0);
  });

  test("overwrites nothing", async () => {
    await main(["node", "clip-gen", "benchmark", "-m", model, "-o", folder]);
    expect(error.join()).toContain("exists already; choose another --output");
  });
});
