import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { printedLines } from "../../test/printed.ts";
import { temporaryFolder, tinyClip, tinyConditions, tinyEncoded, tinyGpt, tinyVqgan } from "../../test/tiny.ts";
import { writeEncoded } from "../data/encoded.ts";
import { Clip } from "../models/clip.ts";
import { Gpt } from "../models/gpt.ts";
import { Vqgan } from "../models/vqgan.ts";
import type { Module } from "../nn/module.ts";
import { setThreadCount } from "../tensor/engine.ts";
import { main } from "./main.ts";

const folder = temporaryFolder();
const encoded = join(folder, "encoded");
const printed = printedLines();

beforeAll(async () => {
  setThreadCount(1);
  await writeEncoded(encoded, [await tinyEncoded()]);
});

let runs = 0;
/** One step so small that nothing is seen of it. */
const still = ["--steps", "1", "--batch-size", "4", "--lr", "1e-12", "--precision", "float32"];

async function train(name: string, ...args: string[]): Promise<string> {
  printed.clear();
  const run = join(folder, `run-${(runs += 1)}`);
  await main(["node", "clip-gen", "train", name, ...args, "-o", run, "--init-from", join(folder, name)]);
  return join(run, name);
}

function expectSame(one: Module, other: Module, but: readonly string[] = []): void {
  const state = other.stateDict();
  for (const [name, tensor] of one.stateDict()) {
    if (but.includes(name)) continue;
    const [a = [], b = []] = [tensor, state.get(name)].map((values) => values?.flatten().toNumbers());
    expect(Math.max(...a.map((value, i) => Math.abs(value - (b[i] ?? Number.NaN)))), name).toBeLessThan(1e-6);
  }
}

test("a VQGAN, and a CLIP, begin with what they are given", async () => {
  const scenes = ["--scenes", "16", "--no-flip", ...still];
  const [vqgan, clip] = [tinyVqgan({}, 5), tinyClip(6)];
  await vqgan.savePretrained(join(folder, "vqgan"));
  await clip.savePretrained(join(folder, "clip"));
  expectSame(await Vqgan.fromPretrained(await train("vqgan", ...scenes, "--disc-weight", "0")), vqgan);
  expectSame(await Clip.fromPretrained(await train("clip", ...scenes)), clip);
});

test("a GPT begins with what it is given, but for what it keeps of its own pictures", async () => {
  const gpt = tinyGpt({ memorySize: 3, textShift: true });
  gpt.memory = tinyConditions(3);
  await gpt.savePretrained(join(folder, "gpt"));
  const without = await Gpt.fromPretrained(await train("gpt", encoded, ...still));
  expectSame(without, gpt);
  expect(without.memory ?? without.textShift).toBeUndefined();
  expect(without.config.memorySize).toBeUndefined();

  const again = await Gpt.fromPretrained(await train("gpt", encoded, ...still, "--memory", "5"));
  expectSame(again, gpt, ["memory"]);
  expect(again.memory?.shape[0]).toBe(5);
});

test("tells what does not fit", async () => {
  await tinyGpt({ codebookSize: 7 }).savePretrained(join(folder, "gpt"));
  await train("gpt", encoded, ...still);
  expect(printed.error.join()).toMatch(
    /codes, tokens of a picture.* are 7, 16, 8, 1; the encoded pictures need \d+, 16/,
  );

  await tinyGpt().savePretrained(join(folder, "gpt"));
  await train("gpt", encoded, ...still, "--random-order", "0.5");
  expect(printed.error.join()).toContain("row by row only");
  await train("gpt", encoded, ...still, "--network", "layers=3");
  expect(printed.error.join()).toContain("--network changes a preset");
});
