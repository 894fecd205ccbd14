import { mkdirSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { damage, fuzzed, tried } from "../../test/fuzz.ts";
import { type Json, mutate, mutateJson } from "../../test/mutate.ts";
import { tinyStudio, type TinyStudio } from "../../test/studio.ts";
import { temporaryFolder } from "../../test/tiny.ts";
import { commandOf } from "../generate/command-line.ts";
import { runReport } from "../cli/report-run.ts";
import { printedLines } from "../../test/printed.ts";
import { addPngText } from "../io/png-text.ts";
import { setThreadCount } from "../tensor/engine.ts";
import { createApp } from "./app.ts";
import type { Api } from "./context.ts";
import { Gallery } from "./gallery.ts";
import { Runs } from "./runs.ts";

const folder = temporaryFolder();
let tiny: TinyStudio;
let drawn = Buffer.alloc(0);
beforeAll(async () => {
  setThreadCount(1);
  tiny = await tinyStudio();
  await tiny.app.request("/v1/images/generations", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ prompt: "a cat" }),
  });
  const [name = ""] = readdirSync(tiny.folder);
  drawn = readFileSync(join(tiny.folder, name));
});
afterAll(async () => await tiny.close());

/** A new folder each time: what is looked at is remembered. */
const fresh = (): string => mkdtempSync(join(folder, "f-"));

describe("a gallery's folder that others write into", () => {
  const told: Json = { prompt: "a", seed: 1, score: 1, model: "m", blend: [{ prompt: "x", weight: 1 }], topK: 5 };

  test("damaged pictures, and pictures that tell anything, are listed or passed over", async () => {
    await fc.assert(
      fc.asyncProperty(damage, async (random) => {
        const path = fresh();
        const file = `${1e12 + random.int(1e9)}-abcdefgh.png`;
        const bytes = random.chance(0.5)
          ? mutate(drawn, random)
          : addPngText(drawn, { "clip-gen": mutateJson(told, random).toString() });
        writeFileSync(join(path, file), bytes);
        writeFileSync(join(path, "notes.txt"), "no picture");
        const open = async (): Promise<void> => {
          const { gallery, skipped } = await Gallery.open(path);
          expect(gallery.count + skipped).toBe(2);
          for (const { origin } of gallery.list({ query: "a", limit: 10 }).entries) JSON.stringify(commandOf(origin));
        };
        expect(await tried(open)).toBeNull();
      }),
      fuzzed(200),
    );
  });

  test("folders in place of files, and names of any kind", async () => {
    const path = fresh();
    mkdirSync(join(path, "1000000000000-abcdefgh.png"));
    for (const name of ["1000000000000-abcdefgh.png.tmp", "x.png", "__proto__", "1000000000001-\u001b[2Jaaaa.png"]) {
      writeFileSync(join(path, name), drawn);
    }
    const { gallery, skipped } = await Gallery.open(path);
    expect([gallery.count, skipped]).toEqual([0, 5]);
  });
});

/** A run's folder; what is not given is as it should be. */
function makeRun(files: { config?: string | Uint8Array; metrics?: string | Uint8Array }): string {
  const path = join(fresh(), "run");
  mkdirSync(join(path, "samples"), { recursive: true });
  writeFileSync(join(path, "config.json"), files.config ?? '{"stage":"gpt","steps":100,"batch_size":8}');
  writeFileSync(join(path, "metrics.jsonl"), files.metrics ?? '{"step":0,"loss":1,"time":1}\n');
  return path;
}

const apiOf = (path: string): Api =>
  createApp({
    studio: tiny.studio,
    guard: { loopback: true },
    observer: { answered: () => {}, asked: () => {}, failed: (_, error) => tiny.failed.push(error) },
    version: "0",
    runs: new Runs([path]),
  });

/** Asks for everything that there is of a run. */
async function watch(path: string): Promise<number[]> {
  const api = apiOf(path);
  const list = await api.request("/v1/runs");
  const { data }: { data: { id: string }[] } = JSON.parse(await list.text());
  const statuses = [list.status];
  for (const { id } of data) {
    for (const part of ["", "/metrics?points=10", "/samples/drawn/1"]) {
      statuses.push((await api.request(`/v1/runs/${id}${part}`)).status);
    }
  }
  return statuses;
}

describe("training runs whose files are damaged", () => {
  const { error: failed } = printedLines();
  const config: Json = { stage: "gpt", steps: 100, batch_size: 8, objective: { cross_entropy: 1 }, betas: [0.9, 0.99] };
  const lines: Json[] = [0, 1, 2].map((step) => ({ step, loss: 1 / (step + 1), lr: 0.1, time: 1000 + step }));
  const metrics = Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));

  test("are watched, or passed over, and reported on in one line", async () => {
    await fc.assert(
      fc.asyncProperty(damage, async (random) => {
        const line = random.int(lines.length);
        const damaged = lines.map((each, i) => (i === line ? mutateJson(each, random) : JSON.stringify(each)));
        const path = makeRun({
          config: random.chance(0.5) ? mutateJson(config, random) : mutate(Buffer.from(JSON.stringify(config)), random),
          metrics: random.chance(0.5) ? mutate(metrics, random) : damaged.join("\n"),
        });
        const statuses = await watch(path);
        expect(statuses.filter((status) => status !== 200 && status !== 404)).toEqual([]);
        expect(await tried(async () => await runReport(path, {}))).toBeNull();
      }),
      fuzzed(150),
    );
    expect(tiny.failed).toEqual([]);
    expect(failed).toEqual([]);
  });

  test("a configuration that nests without an end is no run", async () => {
    const path = makeRun({ config: `{"stage":"gpt","a":${"[".repeat(1e5)}${"]".repeat(1e5)}}` });
    expect(await watch(path)).toEqual([200]);
    expect(await tried(async () => await runReport(path, {}))).toBeNull();
    expect(tiny.failed).toEqual([]);
  });

  test("names of figures that are names of every object are figures like others", async () => {
    const path = makeRun({ metrics: '{"step":0,"__proto__":1,"constructor":2,"loss":3}\n' });
    expect(await watch(path)).toEqual([200, 200, 200, 404]);
    expect("loss" in {}).toBe(false);
  });

  test("numbers beyond all bounds", async () => {
    const row = '{"step":1e308,"loss":1e308,"time":-1e308}\n{"step":-1e308,"loss":-1e308,"time":1e308}\n';
    const path = makeRun({ config: '{"stage":"gpt","steps":1e308,"batch_size":1e308}', metrics: row });
    expect(await watch(path)).toEqual([200, 200, 200, 404]);
    expect(tiny.failed).toEqual([]);
  });
});
