import { appendFileSync, mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { temporaryFolder } from "../../test/tiny.ts";
import { Runs } from "./runs.ts";

const folder = temporaryFolder();
beforeAll(() => void vi.useFakeTimers({ toFake: ["Date"] }));
afterAll(() => void vi.useRealTimers());

function makeRun(name: string, config: object, metrics: readonly object[]): string {
  const path = join(folder, name);
  mkdirSync(join(path, "samples"), { recursive: true });
  writeFileSync(join(path, "config.json"), JSON.stringify(config));
  writeFileSync(join(path, "metrics.jsonl"), metrics.map((line) => `${JSON.stringify(line)}\n`).join(""));
  return path;
}

/** Later, so that the folders are looked at again. */
const later = (ms: number): void => void vi.setSystemTime(Date.now() + ms);

test("runs are found wherever they lie below, with how far they are and how quick", async () => {
  const rows = Array.from({ length: 40 }, (_, step) => ({ step, loss: 10 - step / 10, time: 1000 + step * 2 }));
  const going = makeRun("model/runs/gpt", { stage: "gpt", steps: 100, batch_size: 64 }, rows);
  makeRun("done", { stage: "clip", steps: 40 }, rows);
  makeRun("old", { stage: "vqgan", steps: 100 }, rows);
  utimesSync(join(folder, "old/metrics.jsonl"), 1000, 1000);
  makeRun("node_modules/none", { stage: "x" }, rows);
  writeFileSync(join(folder, "done/samples/drawn-step-0000020.png"), "grid");
  writeFileSync(join(folder, "done/samples/other.txt"), "no grid");

  const runs = new Runs([folder]);
  const list = await runs.list();
  expect(list.map(({ name, stage, state, step, steps }) => [name, stage, state, step, steps]).toSorted()).toEqual([
    ["done", "clip", "finished", 40, 40],
    ["model/runs/gpt", "gpt", "running", 40, 100],
    ["old", "vqgan", "stopped", 40, 100],
  ]);
  const gpt = list.find(({ stage }) => stage === "gpt");
  expect(gpt).toMatchObject({ pictures_per_second: 32, seconds_left: 120, newest: { loss: 6.1 } });

  const id = list.find(({ name }) => name === "done")?.id ?? "";
  expect(await runs.info(id)).toMatchObject({ samples: [{ name: "drawn", step: 20 }], log: [] });
  writeFileSync(join(folder, "done/log.txt"), "1 started\n2 finished\n");
  later(5000);
  expect((await runs.info(id))?.log).toEqual(["1 started", "2 finished"]);
  expect(Buffer.from((await runs.sample(id, "drawn", 20)) ?? []).toString()).toBe("grid");
  expect(await runs.sample(id, "../../config", 20)).toBeUndefined();
  expect(await runs.info("unknown")).toBeUndefined();

  // It grows, a line of it half written; then a resumed run cuts it back.
  appendFileSync(join(going, "metrics.jsonl"), '{"step":40,"loss":5,"psnr":20,"time":1080}\n{"step":41,"lo');
  later(5000);
  const grown = await runs.metrics(gpt?.id ?? "", 1000);
  expect([grown?.steps.length, grown?.values["loss"]?.at(-1)]).toEqual([41, 5]);
  expect(grown?.values["psnr"]?.slice(-2)).toEqual([null, 20]);
  appendFileSync(join(going, "metrics.jsonl"), 'ss":4}\n');
  later(5000);
  expect((await runs.metrics(gpt?.id ?? "", 1000))?.values["loss"]?.at(-1)).toBe(4);
  writeFileSync(join(going, "metrics.jsonl"), '{"step":0,"loss":9}\n');
  later(5000);
  expect(await runs.metrics(gpt?.id ?? "", 1000)).toEqual({ steps: [0], values: { loss: [9] } });
});

test("long ones come as means of rows that follow one another", async () => {
  makeRun(
    "long",
    { stage: "gpt", steps: 1000 },
    Array.from({ length: 1000 }, (_, step) => ({ step, loss: step })),
  );
  const runs = new Runs([join(folder, "long")]);
  const [run] = await runs.list();
  expect(run?.name).toBe("long");
  const metrics = await runs.metrics(run?.id ?? "", 10);
  expect(metrics?.steps).toEqual([99, 199, 299, 399, 499, 599, 699, 799, 899, 999]);
  expect(metrics?.values["loss"]).toEqual([49.5, 149.5, 249.5, 349.5, 449.5, 549.5, 649.5, 749.5, 849.5, 949.5]);
});

test("what is damaged, or being made, is passed over", async () => {
  const path = makeRun("damaged", { stage: "gpt" }, []);
  writeFileSync(join(path, "config.json"), "{");
  mkdirSync(join(folder, "empty"), { recursive: true });
  expect(await new Runs([path, join(folder, "empty"), join(folder, "nowhere")]).list()).toEqual([]);
});
