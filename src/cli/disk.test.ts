import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildPackage } from "../../test/built-package.ts";
import { column, start, words } from "../../test/launching.ts";
import { temporaryFolder, tinyEncoded } from "../../test/tiny.ts";
import { writeEncoded } from "../data/encoded.ts";

const folder = temporaryFolder();
const disk = join(folder, "disk");
mkdirSync(disk);
/** A disk of one and a half megabytes, which holds a few checkpoints and no more. */
const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=1500k", "tmpfs", disk]).status === 0;
afterAll(() => {
  if (mounted) spawnSync("umount", ["-l", disk]);
});

const command = (run: string): string[] => [
  "train",
  "gpt",
  join(folder, "encoded"),
  "-o",
  run,
  ...words("--network layers=1 heads=2 width=32 --batch-size 4 --steps 60 --seed 3 --checkpoint-every 5"),
  ...words("--keep-checkpoints 100 --sample-every 1000"),
];
const remount = (options: string): void => void execFileSync("mount", ["-o", `remount,${options}`, disk]);
const weights = (run: string): Buffer => readFileSync(join(run, "gpt", "model.safetensors"));

describe.skipIf(!mounted)("a disk that gives out (needs root)", () => {
  let built = "";
  beforeAll(async () => {
    built = buildPackage("disk");
    await writeEncoded(join(folder, "encoded"), [await tinyEncoded()]);
  });
  test("full, then larger: one error, and the run goes on to the same weights", async () => {
    const whole = start(built, command(join(folder, "whole")));
    expect(await whole.ended(), whole.printed()).toBe(0);

    const run = join(disk, "run");
    const stopped = start(built, command(run));
    expect(await stopped.ended(), stopped.printed()).toBe(1);
    const said = stopped
      .printed()
      .split("\n")
      .filter((line) => line.startsWith("clip-gen:"));
    expect(said).toEqual([expect.stringMatching(/(the disk is full|no space left on device)/i)]);
    expect(column(run, "step").length).toBeGreaterThan(0);

    remount("size=64m");
    const resumed = start(built, [...command(run), "--resume"]);
    expect(await resumed.ended(), resumed.printed()).toBe(0);
    expect(weights(run).equals(weights(join(folder, "whole")))).toBe(true);
    expect(column(run, "loss")).toEqual(column(join(folder, "whole"), "loss"));
  });

  test("read-only from the start: told before the first step", async () => {
    remount("ro");
    try {
      const refused = start(built, command(join(disk, "other")));
      expect(await refused.ended()).toBe(1);
      expect(refused.printed()).toMatch(/clip-gen: .*read-only/);
      expect(refused.printed()).not.toMatch(/1\/60/);
    } finally {
      remount("rw");
    }
  });
});
