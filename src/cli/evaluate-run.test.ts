import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { beforeAll, describe, expect, test } from "vitest";
import { temporaryFolder, tinyModel, tinyPictures } from "../../test/tiny.ts";
import { setThreadCount } from "../tensor/engine.ts";
import { printedLines } from "../../test/printed.ts";
import { main } from "./main.ts";

const folder = temporaryFolder();
const model = join(folder, "model");
const list = join(folder, "pictures", "list.jsonl");
const { all: printed, clear } = printedLines();

beforeAll(async () => {
  setThreadCount(1); // networks this small lose more time to waiting for other threads than they gain
  await tinyModel().savePretrained(model);
  mkdirSync(join(folder, "pictures"));
  const { images, size, captions } = tinyPictures(10);
  const raw = { width: size, height: size, channels: 3 } as const;
  const lines = await Promise.all(
    captions.map(async (own, i) => {
      const pixels = images.slice(i * size * size * 3, (i + 1) * size * size * 3);
      await sharp(pixels, { raw }).toFile(join(folder, "pictures", `${i}.png`));
      return JSON.stringify({ file: `${i}.png`, captions: own, part: i < 6 ? "train" : "test" });
    }),
  );
  writeFileSync(list, lines.join("\n"));
});

async function run(...args: string[]): Promise<string> {
  await main(["node", "clip-gen", "evaluate", "-m", model, ...args]);
  return printed.join("\n");
}

type Metrics = {
  pictures: number;
  figures: Record<string, number>;
  left_out: Record<string, string>;
  drawings: { prompt: string; seed: number; nearest?: { file: string } }[];
};

describe("clip-gen evaluate", () => {
  test("prints a table and writes the report; the same again, and into no folder that exists", async () => {
    const output = join(folder, "reports", "one");
    const data = ["--data", `${list}?part=test`, "--training", `${list}?part=train`, "-o", output];
    const said = await run(...data, "--candidates", "2", "--seed", "9", "--judge", model);
    expect(said).toMatch(/\n {2}clip_fd +[\d.]+ {2}lower is better; too high/);
    expect(said).toMatch(/\n {2}inception_score +– {2}left out: it needs the weights of the FID Inception/);
    expect(said).toContain(`finished: ${output}/index.html`);
    const metrics: Metrics = JSON.parse(readFileSync(join(output, "metrics.json"), "utf8"));
    expect(metrics.drawings.map(({ seed }) => Math.floor((seed - 9) / 2))).toEqual([0, 1, 2, 3]);
    expect(metrics.drawings.every(({ nearest }) => /[0-5]\.png$/.test(nearest?.file ?? ""))).toBe(true);
    expect(metrics.figures).toHaveProperty("nearest_training_of_held_out_max");

    clear();
    expect(await run(...data)).toMatch(/reports\/one exists already/);
    expect(process.exitCode).toBe(1);
  });

  test("takes sentences from a file, or pictures without captions, and prints JSON alone", async () => {
    const prompts = join(folder, "prompts.txt");
    writeFileSync(prompts, "\uFEFFa red circle\r\n\r\na blue star\n a ring \n");
    const output = join(folder, "words");
    const metrics: Metrics = JSON.parse(
      await run("--data", join(folder, "pictures"), "--prompts", prompts, "--limit", "7", "--json", "-o", output),
    );
    expect(metrics.pictures).toBe(7);
    expect(metrics.drawings.map(({ prompt }) => prompt)).toEqual(["a red circle", "a blue star", "a ring"]);
    expect(metrics.left_out["clip_precision"]).toBe("it needs 4 drawings, there are 3");

    clear();
    const bare = join(folder, "bare");
    mkdirSync(bare);
    writeFileSync(join(bare, "0.png"), readFileSync(join(folder, "pictures", "0.png")));
    writeFileSync(join(bare, "1.png"), readFileSync(join(folder, "pictures", "1.png")));
    const seen: Metrics = JSON.parse(
      await run("--data", bare, "--from", "pictures", "--json", "-o", join(folder, "seen")),
    );
    expect(seen.left_out["clip_score"]).toMatch(/from pictures/);
  });

  test("says captions otherwise, and still knows what they ask for", async () => {
    const metrics: Metrics = JSON.parse(
      await run("--data", list, "--rephrase", "capitals", "--json", "-o", join(folder, "loud")),
    );
    const prompts = metrics.drawings.map(({ prompt }) => prompt);
    expect(prompts).toEqual(prompts.map((prompt) => prompt.toUpperCase()));
    expect(metrics.figures["recognised"]).toBeGreaterThanOrEqual(0);
    expect(metrics.figures["named"]).toBeGreaterThanOrEqual(0);
  });

  test("says what is wrong before it computes anything", async () => {
    const bare = join(folder, "bare2");
    mkdirSync(bare);
    writeFileSync(join(bare, "0.png"), readFileSync(join(folder, "pictures", "0.png")));
    const output = join(folder, "nothing");
    const wrong: [string[], RegExp][] = [
      [
        ["--data", bare],
        /^clip-gen: 1 of 1 pictures have no caption.*; or give --prompts with sentences, or --from pictures$/,
      ],
      [
        ["--data", bare, "--rephrase", "typo", "--from", "pictures"],
        /^clip-gen: --rephrase and --from pictures do not go together/,
      ],
      [["--data", "/nowhere"], /^clip-gen: cannot find pictures in \/nowhere: there is no such file or folder$/],
      [["--data", bare, "--prompts", "/nowhere.txt"], /^clip-gen: --prompts \/nowhere\.txt: there is no such file$/],
      [["--data", bare, "--from", "pictures", "--candidates", "0"], /--candidates 0: expected a whole number/],
      [["--data", bare, "--from", "pictures", "--inception", "/nowhere.pth"], /nowhere\.pth does not exist/],
    ];
    for (const [args, message] of wrong) {
      clear();
      expect(await run(...args, "-o", output)).toMatch(message);
      expect(process.exitCode).toBe(1);
    }
    expect(existsSync(output)).toBe(false);
  });
});
