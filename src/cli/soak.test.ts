import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { buildPackage } from "../../test/built-package.ts";
import { column, start, words } from "../../test/launching.ts";
import { temporaryFolder, tinyEncoded } from "../../test/tiny.ts";
import { writeEncoded } from "../data/encoded.ts";
import { Random } from "../random.ts";

/** How often the training is killed: `CLIP_GEN_SOAK=30` for the long one. */
const KILLS = Number(process.env["CLIP_GEN_SOAK"] ?? 5);
const SEED = Number(process.env["CLIP_GEN_SOAK_SEED"] ?? Date.now() % 1e6);
/** A start takes about a second: kills come while it loads, trains, or saves. */
const LONGEST_MS = 4000;

const folder = temporaryFolder();

test(
  `killed ${KILLS} times at any moment (seed ${SEED}), a training ends with the same weights`,
  { timeout: 60_000 + 30_000 * KILLS },
  async () => {
    const built = buildPackage("soak");
    await writeEncoded(join(folder, "encoded"), [await tinyEncoded()]);
    const command = (run: string): string[] => [
      "train",
      "gpt",
      join(folder, "encoded"),
      "-o",
      join(folder, run),
      ...words("--network layers=2 heads=2 width=32 --batch-size 4 --checkpoint-every 4 --ema 0.9 --seed 7"),
      "--steps",
      String(100 * KILLS),
    ];
    const alone = start(built, command("alone"));
    expect(await alone.ended(), alone.printed()).toBe(0);

    const random = new Random(SEED, "soak");
    const begun = (): boolean => existsSync(join(folder, "killed", "config.json"));
    const again = (): string[] => [...command("killed"), ...(begun() ? ["--resume"] : [])];
    let inTheMiddle = 0;
    for (let kill = 0; kill < KILLS; kill += 1) {
      const run = start(built, again());
      await new Promise((resolve) => setTimeout(resolve, random.between(0, LONGEST_MS)));
      run.child.kill("SIGKILL");
      await run.ended();
      if (/gpt +\d+\/\d+ /.test(run.printed())) inTheMiddle += 1;
    }
    const last = start(built, again());
    expect(await last.ended(), last.printed()).toBe(0);
    expect(inTheMiddle).toBeGreaterThan(0);

    const weights = (run: string): Buffer => readFileSync(join(folder, run, "gpt", "model.safetensors"));
    expect(weights("killed").equals(weights("alone"))).toBe(true);
    expect(column(join(folder, "killed"), "loss")).toEqual(column(join(folder, "alone"), "loss"));
    expect(readdirSync(join(folder, "killed", "checkpoints")).filter((name) => name.startsWith("."))).toEqual([]);
  },
);
