import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { printedLines } from "../../test/printed.ts";
import { temporaryFolder } from "../../test/tiny.ts";
import { main } from "./main.ts";

const folder = temporaryFolder();
const { error, log, clear } = printedLines();

async function report(...args: string[]): Promise<void> {
  clear();
  await main(["node", "clip-gen", "report", ...args]);
}

test("a run becomes one page with its curves, grids and settings, and nothing is overwritten", async () => {
  const run = join(folder, "a <run>");
  mkdirSync(join(run, "samples"), { recursive: true });
  writeFileSync(join(run, "config.json"), JSON.stringify({ stage: "gpt", steps: 500, batch_size: 8 }));
  const lines = Array.from({ length: 500 }, (_, step) => JSON.stringify({ step, loss: 5 - step / 100, time: step }));
  writeFileSync(join(run, "metrics.jsonl"), `${lines.join("\n")}\n`);
  for (let step = 0; step < 9; step += 1)
    writeFileSync(join(run, `samples/drawn-step-000000${step}.png`), `grid ${step}`);
  writeFileSync(join(run, "log.txt"), "step 7 went wrong & back\n");
  await report(run);
  expect(error).toEqual([]);
  expect(log.join()).toContain(join(run, "report.html"));
  const page = readFileSync(join(run, "report.html"), "utf8");
  expect(page).toContain("<h1>a &lt;run&gt;</h1>");
  expect(page).toContain("gpt, finished, 500 steps of 500");
  expect(page).toContain("<pre>step 7 went wrong &amp; back</pre>");
  expect(page).not.toMatch(/<script|https?:\/\//);
  expect(page.match(/<polyline points="([^"]+)"/)?.[1]?.split(" ").length).toBeLessThanOrEqual(300);
  const grids = Array.from(page.matchAll(/base64,([^"]+)"/g), ([, base64 = ""]) =>
    Buffer.from(base64, "base64").toString(),
  );
  expect(grids).toEqual([0, 2, 3, 5, 6, 8].map((step) => `grid ${step}`));
  await report(run);
  expect(log.join()).toContain("report-2.html");
});

test("what is no run is told", async () => {
  await report(folder);
  expect(error.join()).toContain("holds no training run (config.json is missing)");
});
