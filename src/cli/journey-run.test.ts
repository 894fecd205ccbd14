import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { beforeAll, describe, expect, test } from "vitest";
import { temporaryFolder, tinyModel } from "../../test/tiny.ts";
import { setThreadCount } from "../tensor/engine.ts";
import { printedLines } from "../../test/printed.ts";
import { main } from "./main.ts";

const folder = temporaryFolder();
const model = join(folder, "model");
const stops = ["a red circle", "a blue square"];
const { log: printed, error: failed, clear } = printedLines();

beforeAll(async () => {
  setThreadCount(1);
  await tinyModel().savePretrained(model);
});

/** What a command prints as JSON. */
async function run(...args: string[]): Promise<Record<string, unknown>> {
  clear();
  await main(["node", "clip-gen", ...args, "--json"]);
  return printed.length === 0 ? {} : JSON.parse(printed.join("\n"));
}

const journey = (...args: string[]): ReturnType<typeof run> =>
  run("journey", ...args, "-m", model, "--precision", "float32");

describe("clip-gen journey", () => {
  test("writes a film of as many pages as frames, beside what is there, and inspect tells how it was drawn", async () => {
    const output = join(folder, "journey.webp");
    writeFileSync(output, "mine");
    const flags = ["--frames", "5", "--fps", "4", "--seed", "5", "--top-k", "9", "--guidance", "4", "-o", output];
    const { file, frames } = await journey("a red circle", "z", ...flags);
    expect(failed).toEqual([]);
    expect(file).toBe(join(folder, "journey-2.webp"));
    expect(readFileSync(output, "utf8")).toBe("mine");
    expect(frames).toHaveLength(5);
    const { pages, delay } = await sharp(String(file), { pages: -1 }).metadata();
    // None of these frames is its neighbour again, which would make one page of both.
    expect([pages, delay]).toEqual([5, Array.from({ length: 5 }, () => 250)]);
    const origin = await run("inspect", String(file));
    expect(origin).toMatchObject({ kind: "journey", stops: ["a red circle", "z"], topK: 9, guidanceScale: 4 });
    expect(origin).toMatchObject({ temperature: 1, topP: 0.9, model: "model", seeds: [5, 5, 5, 5, 5] });
    expect(origin["weights"]).toEqual([0, expect.any(Number), expect.closeTo(0.5, 5), expect.any(Number), 0]);
    expect(origin["scores"]).toHaveLength(5);
  });

  test("there and back shows the ends once", async () => {
    const output = join(folder, "loop.gif");
    const flags = ["--frames", "4", "--fps", "10", "--candidates", "3", "--seed", "20", "--loop", "-o", output];
    const { file, frames } = await journey("a red circle", "z", ...flags);
    expect(frames).toHaveLength(4);
    for (const { seed } of Array.isArray(frames) ? frames : []) expect([20, 21, 22]).toContain(seed);
    const { format, delay } = await sharp(String(file), { pages: -1 }).metadata();
    expect(format).toBe("gif");
    expect(delay?.reduce((sum, time) => sum + time, 0)).toBe(6 * 100);
  });

  test("writes a strip, through a picture, whose ends are what `generate` and `vary` draw", async () => {
    const picture = join(folder, "own.png");
    await run("generate", "a green star", "-m", model, "--precision", "float32", "-o", picture);
    const output = join(folder, "new", "strip.png");
    const { file } = await journey("a red circle", picture, "--frames", "3", "--seed", "6", "-o", output);
    expect(file).toBe(output);
    const scale = 4; // 16 pixels grow to 64
    const strip = sharp(output);
    expect(await strip.metadata()).toMatchObject({ width: (3 * 16 + 2 * 2) * scale, height: 16 * scale });
    const ends = [
      ["generate", "a red circle", 0],
      ["vary", picture, 2 * 18],
    ] as const;
    for (const [command, subject, left] of ends) {
      const alone = join(folder, `${command}-alone.png`);
      await run(command, subject, "-m", model, "--precision", "float32", "--seed", "6", "-o", alone);
      const region = { left: left * scale, top: 0, width: 16 * scale, height: 16 * scale };
      const shown = await sharp(output).extract(region).resize(16, 16, { kernel: "nearest" }).raw().toBuffer();
      const wanted = await sharp(alone).raw().toBuffer();
      // Convolutions round otherwise in another batch.
      expect(Math.max(...wanted.map((value, i) => Math.abs(value - (shown[i] ?? 0))))).toBeLessThanOrEqual(1);
    }
    expect(await run("inspect", output)).toMatchObject({
      kind: "journey",
      stops: ["a red circle", "own.png"],
      seeds: [6, 6, 6],
    });
  });

  const wrong: [string[], RegExp][] = [
    [["a red circle"], /at least two stops, got 1/],
    [[...stops, "--frames", "1"], /--frames 1: expected a whole number of at least 2/],
    [[...stops, "-o", "journey.mp4"], /journey\.mp4: a journey is written as \.png, \.webp, \.gif/],
    [[...stops, "-o", "strip.png", "--loop"], /strip\.png: a strip is no film/],
    [[...stops, "-o", "film.gif", "--fps", "60"], /--fps 60: expected a number from 0\.02 to 50/],
    [[...stops, "--candidates", "0"], /--candidates 0/],
  ];
  test.each(wrong)("%j ends with a clear error, and writes nothing", async (args, message) => {
    await journey(...args);
    expect(failed).toEqual([expect.stringMatching(message)]);
    expect(process.exitCode).toBe(1);
    for (const name of ["journey.mp4", "strip.png", "film.gif", "journey.webp"]) expect(existsSync(name)).toBe(false);
  });
});

test("a grid tells prompt, seeds and settings as single pictures do", async () => {
  const output = join(folder, "grid.png");
  const flags = ["-m", model, "-o", output, "--blend", "a blue square:0.25", "--temperature", "0.8"];
  await run("generate", "a red circle", "-n", "3", "--candidates", "5", "--seed", "4", "--grid", ...flags);
  const { kind, seeds, scores, ...shared } = await run("inspect", output);
  expect(kind).toBe("grid of pictures");
  expect([seeds, scores]).toEqual([expect.any(Array), expect.any(Array)]);
  const seedList: number[] = Array.isArray(seeds) ? seeds : [];
  const scoreList: number[] = Array.isArray(scores) ? scores : [];
  expect([seedList.length, scoreList.length]).toEqual([3, 3]);
  expect(scoreList).toEqual(scoreList.toSorted((a, b) => b - a));
  const single = join(folder, "single.png");
  await run("generate", "a red circle", "--seed", String(seedList[0]), ...flags.toSpliced(3, 1, single));
  const { kind: _kind, seed, score, batch: _batch, command: _command, ...settings } = await run("inspect", single);
  expect(shared).toEqual(settings);
  expect(seed).toBe(seedList[0]);
  expect(score).toBeCloseTo(scoreList[0] ?? Number.NaN, 3);
});

test("inspect says so where there can be no origin", async () => {
  const file = join(folder, "plain.gif");
  await sharp({ create: { width: 2, height: 2, channels: 3, background: "red" } }).toFile(file);
  await run("inspect", file);
  expect(failed).toEqual([`clip-gen: ${file} is a GIF, which has no place for how it was drawn`]);
});

test("inspect says so where a WebP tells nothing", async () => {
  const file = join(folder, "plain.webp");
  await sharp({ create: { width: 2, height: 2, channels: 3, background: "red" } }).toFile(file);
  await run("inspect", file);
  expect(failed).toEqual([`clip-gen: ${file} was not drawn by clip-gen, or its text was taken out`]);
});
