import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { buildPackage } from "../../test/built-package.ts";
import { canMakeHosts, makeHosts, type Host } from "../../test/hosts.ts";
import { column, start, until, words, type Started } from "../../test/launching.ts";
import { temporaryFolder, tinyEncoded } from "../../test/tiny.ts";
import { writeEncoded } from "../data/encoded.ts";

describe.skipIf(!canMakeHosts())("processes on hosts of their own (needs root and iproute2)", () => {
  const folder = temporaryFolder();
  let built = "";
  let hosts: Host[] = [];

  beforeAll(async () => {
    built = buildPackage("hosts");
    await writeEncoded(join(folder, "encoded"), [await tinyEncoded()]);
    hosts = makeHosts(4);
  });

  const command = (run: string, options: string): string[] => [
    "train",
    "gpt",
    join(folder, "encoded"),
    "-o",
    join(folder, run),
    ...words("--network layers=1 heads=2 width=32 dropout=0 --batch-size 8 --precision float32 --seed 3"),
    ...words(options),
  ];
  const startOn = (some: readonly Host[], args: string[], port: number): Started[] =>
    some.map(({ enter }, rank) =>
      start(built, args, {
        enter,
        env: {
          RANK: String(rank),
          LOCAL_RANK: "0",
          WORLD_SIZE: String(some.length),
          MASTER_ADDR: some[0]?.address ?? "",
          MASTER_PORT: String(port),
        },
      }),
    );

  test("four of them learn what one would", async () => {
    const alone = start(built, command("alone", "--steps 12"));
    expect(await alone.ended(), alone.printed()).toBe(0);
    const runs = startOn(hosts, command("together", "--steps 12"), 29_500);
    for (const run of runs) expect(await run.ended(), run.printed()).toBe(0);
    const [one, four] = ["alone", "together"].map((run) => column(join(folder, run), "loss"));
    expect(four).toHaveLength(12);
    for (const [step, loss] of (four ?? []).entries()) expect(Math.abs(loss - (one?.[step] ?? NaN))).toBeLessThan(1e-5);
  });

  test(
    "one is cut off: all end within a minute, say who it was, and the run goes on",
    { timeout: 180_000 },
    async () => {
      const options = "--steps 100000 --checkpoint-every 10";
      const runs = startOn(hosts.slice(0, 3), [...command("cut", options), "--batch-size", "9"], 29_501);
      const checkpoints = join(folder, "cut", "checkpoints");
      await until(
        () => existsSync(checkpoints) && readdirSync(checkpoints).filter((name) => name.startsWith("step-")).length > 1,
      );
      hosts[2]?.cutOff();
      for (const run of runs) expect(await run.ended(), run.printed()).toBe(1);
      const said = runs.map(({ printed }) =>
        printed()
          .split("\n")
          .filter((line) => line.startsWith("clip-gen:")),
      );
      expect(said).toEqual([
        [
          expect.stringMatching(
            /^clip-gen: process 2 on .+ has been silent for 30 s, so the run ends; --resume goes on/,
          ),
        ],
        [],
        [expect.stringMatching(/^clip-gen: process 0 at 10.77.0.1 has been silent for 30 s, so process 2 ends/)],
      ]);
      const done = column(join(folder, "cut"), "step").length;
      const again = startOn(hosts.slice(0, 2), [...command("cut", options), "--batch-size", "9", "--resume"], 29_502);
      expect(await again[0]?.ended()).toBe(1); // nine pictures among two
      await again[1]?.ended();
      const alone = start(built, [...command("cut", options), "--batch-size", "9", "--resume"]);
      await until(() => column(join(folder, "cut"), "step").length > done + 2);
      alone.child.kill("SIGTERM");
      expect(await alone.ended()).toBe(130);
      const log = readFileSync(join(folder, "cut", "log.txt"), "utf8");
      const from = Number(/from step (\d+) to 100000\n/.exec(log.split("\n").slice(1).join("\n"))?.[1]);
      expect(done - from).toBeLessThanOrEqual(10);
      expect(column(join(folder, "cut"), "step")).toEqual(column(join(folder, "cut"), "step").map((_, step) => step));
    },
  );
});
