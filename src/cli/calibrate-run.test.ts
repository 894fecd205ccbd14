import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { printedLines } from "../../test/printed.ts";
import { temporaryFolder, tinyModel } from "../../test/tiny.ts";
import { ClipGen } from "../generate/pipeline.ts";
import { readJson, writeJson } from "../io/json.ts";
import { setThreadCount } from "../tensor/engine.ts";
import { main } from "./main.ts";

const folder = temporaryFolder();
const model = join(folder, "model");
const { error, clear } = printedLines();

beforeAll(async () => {
  setThreadCount(1);
  await tinyModel().savePretrained(model, { about: { pictures: "none" } });
});

async function run(...args: string[]): Promise<void> {
  clear();
  await main(["node", "clip-gen", ...args, "-m", model]);
}

test("calibrate writes what known prompts score, and generate then tells of a low score", async () => {
  const prompts = join(folder, "prompts.txt");
  writeFileSync(prompts, Array.from({ length: 24 }, (_, i) => `prompt ${i}`).join("\n"));
  await run("calibrate", "--prompts", prompts);
  expect(error).toEqual([]);
  const { calibration } = await ClipGen.fromPretrained(model, { thread: "main" });
  expect(calibration?.prompts).toBe(24);
  expect(calibration?.low).toBeLessThan(calibration?.median ?? Number.NaN);
  expect(readJson(join(model, "model.json"))).toMatchObject({ pictures: "none", format: "clip-gen model" });

  const draw = ["generate", "a lawnmower", "-o", join(folder, "a.png")];
  writeJson(join(model, "model.json"), {
    format: "clip-gen model",
    version: 1,
    calibration: { prompts: 24, low: 2, median: 3 },
  });
  await run(...draw);
  expect(error.join()).toContain("may be outside of what the model knows");
  writeJson(join(model, "model.json"), {
    format: "clip-gen model",
    version: 1,
    calibration: { prompts: 24, low: -2, median: 3 },
  });
  await run(...draw);
  expect(error).toEqual([]);
});

test("calibrate needs prompts, and enough of them", async () => {
  await run("calibrate");
  expect(error.join()).toContain("give --data with captions");
  writeFileSync(join(folder, "few.txt"), "one\ntwo");
  await run("calibrate", "--prompts", join(folder, "few.txt"));
  expect(error.join()).toContain("2 prompts are too few");
});
