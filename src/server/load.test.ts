import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { unrulyClients } from "../../bench/clients.ts";
import { buildPackage } from "../../test/built-package.ts";
import { startServing } from "../../test/serving.ts";
import { temporaryFolder, tinyModel } from "../../test/tiny.ts";
import { readPngText } from "../io/png-text.ts";

const folder = temporaryFolder();
const gallery = join(folder, "gallery");
const flags = ["-m", join(folder, "tiny"), "--gallery", gallery, "--quiet"];
let built = "";

beforeAll(async () => {
  built = buildPackage("load");
  await tinyModel().savePretrained(join(folder, "tiny"));
});

const jobs = z.object({ data: z.array(z.object({ id: z.string(), state: z.string() })) });

test("among many clients that misbehave no job is lost, and a kill in the middle loses no picture that was given", async () => {
  const first = await startServing(built, flags);
  const report = await unrulyClients({ url: first.url, clients: 60, seconds: 4 });
  const answers = Object.keys(report.seen).filter((what) => !/ (200|400|429)$|went away/.test(what));
  expect(answers, JSON.stringify(report.seen)).toEqual([]);
  expect(report.seen["draw 200"]).toBeGreaterThan(0);
  expect(report.seen["went away"]).toBeGreaterThan(0);
  // Every job that was taken comes to an end; those that ended long ago are forgotten.
  let open = 1;
  while (open > 0) {
    const { data } = jobs.parse(await (await fetch(`${first.url}/v1/jobs?limit=200`)).json());
    open = data.filter(({ state }) => state === "queued" || state === "running").length;
    expect(data.filter(({ state }) => state === "failed")).toEqual([]);
    await setTimeout(20);
  }
  const health: unknown = await (await fetch(`${first.url}/healthz`)).json();
  expect(health).toEqual({ status: "ready", waiting: 0, running: 0 });

  const given: string[] = [];
  const under = unrulyClients({ url: first.url, clients: 20, seconds: 2 }).catch(() => undefined);
  await setTimeout(1000);
  await first.stop("SIGKILL");
  await under;
  given.push(...report.pictures);
  const second = await startServing(built, flags);
  for (const id of given) expect((await fetch(`${second.url}/v1/gallery/${id}.png`)).status).toBe(200);
  await second.stop();
  for (const name of readdirSync(gallery).filter((each) => each.endsWith(".png"))) {
    expect(readPngText(readFileSync(join(gallery, name)))["Description"]).toMatch(/^client \d+, turn \d+$/);
  }
});
