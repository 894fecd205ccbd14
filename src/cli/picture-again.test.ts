import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { printedLines } from "../../test/printed.ts";
import { temporaryFolder, tinyModel } from "../../test/tiny.ts";
import { readPngText } from "../io/png-text.ts";
import { setThreadCount } from "../tensor/engine.ts";
import { main } from "./main.ts";

const folder = temporaryFolder();
const model = join(folder, "tiny");
const { log, clear } = printedLines();

beforeAll(async () => {
  setThreadCount(1);
  await tinyModel().savePretrained(model);
});

/** What a shell makes of a command, one argument a line. */
function argumentsOf(command: string): string[] {
  return execFileSync("sh", ["-c", `printf '%s\\0' ${command}`], { encoding: "utf8" })
    .split("\0")
    .slice(0, -1);
}

async function commandIn(picture: string): Promise<string> {
  clear();
  await main(["node", "clip-gen", "inspect", picture]);
  return /^command +(.*)$/m.exec(log.join("\n"))?.[1] ?? "";
}

test.each([
  [
    "best",
    ["a red 'circle'", "--candidates", "5", "-n", "2", "--seed", "30", "--top-k", "9", "--precision", "float32"],
  ],
  ["blended", ["a ring", "--blend", "a star:0.3", "--guidance", "2", "--negative", "a square", "--temperature", "0.7"]],
  ["crowded", ["a ring", "--candidates", "16", "--guidance", "2", "--seed", "3", "--precision", "bfloat16"]],
  ["crowded and precise", ["a ring", "--candidates", "23", "-n", "9", "--precision", "float32"]],
  ["in a batch of more than usual", ["a ring", "--candidates", "80", "--batch-size", "80", "--precision", "float32"]],
  ["searched", ["a ring", "--beams", "3"]],
  ["precise", ["a ring", "--precision", "bfloat16"]],
])("the command in a picture makes the same bytes again: %s", async (name, flags) => {
  const file = join(folder, `${name}.png`);
  await main(["node", "clip-gen", "generate", ...flags, "-m", model, "-o", file]);
  const words = argumentsOf(await commandIn(file)).map((word) => (word === "tiny" ? model : word));
  expect(words[0]).toBe("clip-gen");
  const again = join(folder, `${name}-again.png`);
  await main(["node", ...words, "-o", again]);
  expect(readFileSync(again)).toEqual(readFileSync(file));
});

test("a varied picture has a command as well", async () => {
  const from = join(folder, "from.png");
  await main(["node", "clip-gen", "generate", "a ring", "-m", model, "-o", from]);
  await main(["node", "clip-gen", "vary", from, "-m", model, "-o", join(folder, "varied.png"), "--seed", "4"]);
  expect(await commandIn(join(folder, "varied.png"))).toMatch(
    /^clip-gen vary from\.png -m tiny --seed 4 --precision (bfloat16|float32)$/,
  );
});

test("the texts are what AUTOMATIC1111's tools read, or left out", async () => {
  const [told, silent] = ["told.png", "silent.png"].map((name) => join(folder, name));
  const flags = ["generate", "a red\ncircle", "-m", model, "--guidance", "2", "--negative", "blurry", "--seed", "5"];
  await main(["node", "clip-gen", ...flags, "-o", told ?? ""]);
  const { parameters = "" } = readPngText(readFileSync(told ?? ""));
  const [prompt, second, negative, settings] = parameters.split("\n");
  expect([prompt, second, negative]).toEqual(["a red", "circle", "Negative prompt: blurry"]);
  expect(settings).toMatch(
    /^Steps: 16, Sampler: CLIP-GEN, CFG scale: 2, Seed: 5, Size: 16x16, Model: tiny, Temperature: 1, Top P: 0\.9, Score: -?0\.\d+$/,
  );
  await main(["node", "clip-gen", ...flags, "-o", silent ?? "", "--no-metadata"]);
  expect(readPngText(readFileSync(silent ?? ""))).toEqual({});
});
