import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { main } from "./main.ts";

const clip = fileURLToPath(new URL("../../assets/scenes-clip", import.meta.url));

let printed: string[] = [];

beforeEach(() => {
  printed = [];
  vi.stubEnv("CLIP_GEN_NATIVE", "/nowhere/clip_gen.node");
  vi.spyOn(console, "log").mockImplementation((text: string) => void printed.push(text));
  vi.spyOn(console, "error").mockImplementation((text: string) => void printed.push(text));
});

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  process.exitCode = 0;
});

async function run(...args: string[]): Promise<string> {
  await main(["node", "clip-gen", ...args]);
  return printed.join("\n");
}

describe("without the native add-on", () => {
  test("the doctor works, says what to do, and exits with 1", async () => {
    const report: { engine?: unknown; advice: string[]; node: string } = JSON.parse(await run("doctor", "--json"));
    expect(process.exitCode).toBe(1);
    expect(report.engine).toBeUndefined();
    expect(report.node).toBe(process.version);
    expect(report.advice.join()).toContain("npx clip-gen doctor --build");
  });

  test("inspect tells what a network is", async () => {
    const found: Record<string, unknown> = JSON.parse(await run("inspect", clip, "--json", "--tensors"));
    expect(found).toMatchObject({ kind: "network", dtypes: ["bfloat16"], clip: { format: "Hugging Face" } });
    expect(JSON.stringify(found["clip"])).toContain("not checked: the native add-on has not been built");
    expect(found["list"]).toContainEqual("text_model.final_layer_norm.bias bfloat16 [128]");
  });

  test("a command that computes says in one line what to do", async () => {
    const said = await run("generate", "a red circle", "--model", clip);
    expect(said).toMatch(/^clip-gen: the native add-on has not been built .* Run: npx clip-gen doctor --build$/);
    expect(process.exitCode).toBe(1);
  });
});

test("inspect says which path is missing", async () => {
  expect(await run("inspect", "/nowhere/at/all")).toBe("clip-gen: /nowhere/at/all: there is no such file or folder");
});
