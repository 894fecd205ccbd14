import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { printedLines } from "../../test/printed.ts";
import { temporaryFolder, tinyModel, tinyPictures } from "../../test/tiny.ts";
import { pictureGrid } from "../data/picture-grid.ts";
import { writeFileAtomic } from "../io/atomic.ts";
import { setThreadCount } from "../tensor/engine.ts";
import { main } from "./main.ts";

const folder = temporaryFolder();
const model = join(folder, "model");
const pictures = join(folder, "pictures");
const { log, error, clear } = printedLines();

beforeAll(async () => {
  setThreadCount(1);
  await tinyModel().savePretrained(model);
  mkdirSync(pictures);
  const { images, size, count } = tinyPictures(5);
  for (let i = 0; i < count; i += 1) {
    const pixels = images.subarray(i * size * size * 3, (i + 1) * size * size * 3);
    writeFileAtomic(join(pictures, `${i}.png`), (await pictureGrid(pixels, { size, columns: 1, scale: 1 })).png);
  }
});

async function run(...args: string[]): Promise<unknown> {
  clear();
  await main(["node", "clip-gen", ...args, "-m", model, "--json"]);
  expect(error).toEqual([]);
  return JSON.parse(log.join("\n"));
}

test("reconstruct measures a folder of pictures, also in the eyes of a CLIP, and shows them", async () => {
  const output = join(folder, "out", "grid.png");
  const schema = z.object({
    output: z.string(),
    figures: z.record(z.string(), z.number()),
    pictures: z.array(z.object({ file: z.string(), psnr: z.number() })),
  });
  const { figures, pictures: each } = schema.parse(await run("reconstruct", pictures, "--judge", model, "-o", output));
  expect(existsSync(output)).toBe(true);
  expect(each).toHaveLength(5);
  expect(figures["reconstruction_psnr"]).toBeCloseTo(each.reduce((sum, { psnr }) => sum + psnr, 0) / 5, 9);
  expect(figures["codebook_used"]).toBeGreaterThan(0);
  expect(figures["reconstruction_clip_distance"]).toBeGreaterThan(0);
  expect(figures["reconstruction_clip_fd"]).toBeGreaterThan(0);
});

test("tokenize gives a picture's grid, and a sentence's ids", async () => {
  const [ofPicture, ofText] = z
    .array(z.object({ kind: z.string(), tokens: z.array(z.array(z.number())) }))
    .parse(await run("tokenize", join(pictures, "0.png"), "a red circle"));
  expect(ofPicture?.tokens).toHaveLength(4);
  expect(ofPicture?.tokens[0]).toHaveLength(4);
  expect(ofText?.tokens[0]).toHaveLength(12);
});

test("embed gives unit vectors", async () => {
  const all = z
    .array(z.object({ kind: z.string(), embedding: z.array(z.number()) }))
    .parse(await run("embed", join(pictures, "0.png"), "a red circle"));
  expect(all.map(({ kind }) => kind)).toEqual(["picture", "text"]);
  for (const { embedding } of all) expect(Math.hypot(...embedding)).toBeCloseTo(1, 5);
});
