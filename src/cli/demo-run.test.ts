import { cpSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { temporaryFolder } from "../../test/tiny.ts";
import { setThreadCount } from "../tensor/engine.ts";
import { runDemo } from "./demo-run.ts";

const folder = temporaryFolder();
const stopped = join(folder, "stopped");
const straight = join(folder, "straight");
let printed: string[] = [];

beforeAll(() => {
  setThreadCount(1);
  vi.spyOn(console, "error").mockReturnValue();
});

afterAll(() => {
  vi.restoreAllMocks();
  process.exitCode = 0;
});

/** Runs the demo as small as it goes; presses Ctrl-C when it prints a line with this beginning. */
async function demo(output: string, stopAt?: string): Promise<void> {
  printed = [];
  vi.spyOn(console, "log").mockImplementation((line: string) => {
    printed.push(line);
    if (stopAt !== undefined && line.startsWith(stopAt)) process.emit("SIGINT");
  });
  await runDemo({ output, minutes: "0.1", seed: "0", scenes: "128", candidates: "2" });
}

const weights = (model: string): Buffer => readFileSync(join(model, "gpt", "model.safetensors"));

test("a demo that is stopped in its VQGAN and in its GPT ends as one that was not", async () => {
  await demo(stopped, "vqgan");
  expect(printed.at(-1)).toBe("stopped; run the same command again to go on");
  expect(process.exitCode).toBe(130);
  expect(existsSync(join(stopped, "vqgan"))).toBe(false);
  await demo(stopped, "gpt");
  expect(existsSync(join(stopped, "vqgan", "model.safetensors"))).toBe(true);
  expect(existsSync(join(stopped, "gpt"))).toBe(false);
  await demo(stopped);

  // How many steps fit into the time is measured; everything else follows from the seed.
  mkdirSync(straight);
  cpSync(join(stopped, "steps.json"), join(straight, "steps.json"));
  await demo(straight);
  expect(weights(stopped).equals(weights(straight))).toBe(true);
  for (const file of ["sentences.png", "combinations.png", "scores.json"]) {
    expect(readFileSync(join(stopped, file)).equals(readFileSync(join(straight, file)))).toBe(true);
  }
  const scores: unknown = JSON.parse(readFileSync(join(straight, "scores.json"), "utf8"));
  expect(scores).toMatchObject({ trained: { of: 56 }, held_out: { of: 8 } });
}, 120_000);

test("a folder that holds a model is left as it is", async () => {
  await expect(demo(straight)).rejects.toThrow("already holds a model; choose another --output");
});
