import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { damage, fuzzed, tried } from "../../test/fuzz.ts";
import { type Json, mutate, mutateJson } from "../../test/mutate.ts";
import { temporaryFolder } from "../../test/tiny.ts";
import { Linear } from "../nn/layers.ts";
import { RunFolder } from "./run-folder.ts";

const parent = temporaryFolder();
const config: Json = { stage: "gpt", steps: 10, betas: [0.9, 0.99], objective: { cross_entropy: 1 } };

test("a run whose files are damaged goes on, or is refused in one line", async () => {
  const path = join(mkdtempSync(join(parent, "run-")), "run");
  const layer = new Linear(4, 4);
  const run = RunFolder.create(path, config);
  for (let step = 0; step < 4; step += 1) run.log(step, { loss: 1 / (step + 1) });
  await run.save({ step: 3, position: 5 }, { layer }, { keep: 2 });
  run.close();
  const checkpoint = join(path, "checkpoints/step-0000003");
  const files = [join(path, "config.json"), join(path, "metrics.jsonl")];
  files.push(join(checkpoint, "state.json"), join(checkpoint, "layer.safetensors"));
  const whole = new Map(files.map((file) => [file, readFileSync(file)]));
  const resume = (): void => {
    const again = RunFolder.resume(path, config);
    try {
      expect(again.restore({ layer })?.step).toBe(3);
    } finally {
      again.close();
    }
  };
  resume();
  await fc.assert(
    fc.asyncProperty(damage, async (random) => {
      for (const [file, bytes] of whole) writeFileSync(file, bytes);
      const file = random.pick(files);
      const bytes = whole.get(file) ?? Buffer.alloc(0);
      const json = file.endsWith(".json") && random.chance(0.5);
      writeFileSync(file, json ? mutateJson(JSON.parse(bytes.toString()), random) : mutate(bytes, random));
      expect(await tried(resume)).toBeNull();
    }),
    fuzzed(150),
  );
});
