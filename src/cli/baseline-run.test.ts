import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import sharp from "sharp";
import { temporaryFolder, tinyEncoded, tinyModel, tinyPictures } from "../../test/tiny.ts";
import { writeEncoded } from "../data/encoded.ts";
import { readPngText } from "../io/png-text.ts";
import { setThreadCount } from "../tensor/engine.ts";
import { printedLines } from "../../test/printed.ts";
import { main } from "./main.ts";

const folder = temporaryFolder();
const model = join(folder, "model");
const { all: printed, clear } = printedLines();

beforeAll(async () => {
  setThreadCount(1);
  await tinyModel().savePretrained(model);
});

async function run(...args: string[]): Promise<string> {
  await main(["node", "clip-gen", "baseline", ...args, "-m", model, "-o", join(folder, "picture.png")]);
  return printed.join("\n");
}

const originIn = (file: string): unknown => JSON.parse(readPngText(readFileSync(file))["clip-gen"] ?? "");

test("optimise writes pictures that tell the method and its settings", async () => {
  const said = await run(
    "optimise",
    "a red circle",
    "--steps",
    "3",
    "--cutouts",
    "2",
    "-n",
    "2",
    "--seed",
    "5",
    "--json",
  );
  const written: { file: string; seed: number; score: number; seconds: number }[] = JSON.parse(said);
  expect(written.map(({ seed }) => seed).toSorted()).toEqual([5, 6]);
  for (const { file, seed, score } of written) {
    const settings = { steps: 3, cutouts: 2, lr: 0.1 };
    expect(originIn(file)).toEqual({
      prompt: "a red circle",
      model: "model",
      method: "vqgan-clip",
      ...settings,
      seed,
      score,
    });
  }
  clear();
  expect(await run("optimise", "x", "--steps", "0")).toBe("clip-gen: --steps 0: expected a whole number of at least 1");
});

test("retrieve finds among files and among encoded pictures, and tells which one", async () => {
  const { images, size } = tinyPictures(3);
  const scenes = join(folder, "scenes");
  mkdirSync(scenes);
  for (let i = 0; i < 3; i += 1) {
    const raw = images.subarray(i * size * size * 3, (i + 1) * size * size * 3);
    await sharp(raw, { raw: { width: size, height: size, channels: 3 } })
      .png()
      .toFile(join(scenes, `scene-${i}.png`));
  }
  const found: { file: string; index: number; name: string; score: number } = JSON.parse(
    await run("retrieve", "a red circle", "--data", scenes, "--json"),
  );
  expect(found.name).toBe(join(scenes, `scene-${found.index}.png`));
  expect(originIn(found.file)).toMatchObject({ method: "retrieval", source: found.name, score: found.score });

  await writeEncoded(join(folder, "encoded"), [await tinyEncoded(4)]);
  clear();
  const line = await run("retrieve", "a red circle", "--data", join(folder, "encoded"));
  expect(line).toMatch(/picture-\d\.png {2}score -?\d\.\d{4} {2}picture \d: scene \d: /);
});
