import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { startHubServer, type HubServer } from "../../test/hub-server.ts";
import { downloadLine } from "./download-run.ts";
import { main } from "./main.ts";

let server: HubServer;
let cache: string;
let printed: string[] = [];

beforeEach(async () => {
  server = await startHubServer({
    "config.json": { content: Buffer.from("{}") },
    "a.txt": { content: Buffer.from("a") },
  });
  cache = mkdtempSync(join(tmpdir(), "hub-cli-"));
  printed = [];
  vi.stubEnv("HF_ENDPOINT", server.endpoint);
  vi.stubEnv("HF_HOME", cache);
  vi.spyOn(console, "log").mockImplementation((text: string) => void printed.push(text));
  vi.spyOn(console, "error").mockImplementation((text: string) => void printed.push(text));
});

afterEach(async () => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  process.exitCode = 0;
  await server.close();
  rmSync(cache, { recursive: true, force: true });
});

async function run(...args: string[]): Promise<string> {
  printed = [];
  await main(["node", "clip-gen", "download", ...args]);
  return printed.join("\n");
}

test("the last line is the snapshot's folder", async () => {
  const folder = join(cache, "hub", "models--org--name", "snapshots", server.commit);
  const said = await run("org/name");
  expect(said).toMatch(/^config\.json {2}0 B of 2 B {2}0%/);
  expect(said.endsWith(`1 file, 2 B, 2 B downloaded:\n${folder}`)).toBe(true);
  expect(await run("org/name", "--all")).toContain("2 files, 3 B, 1 B downloaded:");
  expect(await run("org/name@main", "--include", "a.*")).toBe(`1 file, 1 B, all of it was there:\n${folder}`);
});

test("--json is JSON alone", async () => {
  expect(JSON.parse(await run("org/name", "--revision", "v1", "--json"))).toMatchObject({
    repository: "org/name",
    revision: "v1",
    commit: server.commit,
    files: ["config.json"],
    bytes: 2,
    fetched: 2,
  });
});

test("mistakes are told in one line", async () => {
  expect(await run("org/name@a", "--revision", "b")).toMatch(/^clip-gen: org\/name@a names a revision, and --revision/);
  expect(await run("org/name", "--all", "--include", "a")).toMatch(/^clip-gen: --all takes every file/);
  expect(await run("name")).toMatch(/^clip-gen: name is no repository of the Hub, expected org\/name/);
  vi.stubEnv("HF_HUB_OFFLINE", "1");
  expect(await run("org/name")).toMatch(/^clip-gen: HF_HUB_OFFLINE is set/);
  expect(process.exitCode).toBe(1);
});

test("progress has share, rate and time left", () => {
  const progress = { file: "model.safetensors", done: 120_500_000, total: 605_200_000, fetched: 110_000_000 };
  expect(downloadLine(progress, 10)).toBe("model.safetensors  120.5 MB of 605.2 MB  19%  11.0 MB/s  0:44 left");
  expect(downloadLine({ file: "a", done: 0, total: 0, fetched: 0 }, 0)).toBe("a  0 B of 0 B  100%  0 B/s");
});
