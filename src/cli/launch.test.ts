import type { ChildProcess } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { buildPackage } from "../../test/built-package.ts";
import { column, start, until, words } from "../../test/launching.ts";
import { temporaryFolder, tinyEncoded, tinyModel } from "../../test/tiny.ts";
import { writeEncoded } from "../data/encoded.ts";

const folder = temporaryFolder();
let built = "";

beforeAll(async () => {
  built = buildPackage("launch");
  await writeEncoded(join(folder, "encoded"), [await tinyEncoded()]);
  await tinyModel().savePretrained(join(folder, "tiny"));
});

const common = words("--steps 12 --batch-size 8 --precision float32 --seed 3");
const stages: Record<string, string[]> = {
  gpt: [
    join(folder, "encoded"),
    ...words("--network layers=1 heads=2 width=32 dropout=0 --token-dropout 0.2 --accumulate 2"),
  ],
  vqgan: words(
    "--scenes 40 --preset tiny32 --perceptual-weight 0 --disc-start 4 --disc-ndf 8 --lecam-weight 0.01 --revive-every 5 --lr 2e-4",
  ),
  clip: words("--scenes 40 --preset tiny32 --soften 0.4 --vary-captions 0.3"),
};
const command = (stage: string, run: string): string[] => [
  "train",
  stage,
  ...(stages[stage] ?? []),
  ...common,
  "-o",
  join(folder, run),
];

describe.each(Object.keys(stages))("train %s", (stage) => {
  let alone: number[] = [];

  beforeAll(async () => {
    const run = start(built, command(stage, `${stage}-1`));
    expect(await run.ended(), run.printed()).toBe(0);
    alone = column(join(folder, `${stage}-1`), "loss");
    expect(alone).toHaveLength(12);
  });

  test.each([2, 4])("%i processes learn what one would with the whole batch", async (procs) => {
    const name = `${stage}-${procs}`;
    const run = start(built, ["launch", "--procs", String(procs), ...command(stage, name)]);
    expect(await run.ended(), run.printed()).toBe(0);
    expect(run.printed()).toContain(`${procs} processes, ${8 / procs} pictures each`);
    const together = column(join(folder, name), "loss");
    expect(together).toHaveLength(12);
    for (const [step, loss] of together.entries()) {
      // Where two codes are as near, rounding decides for one of them, and what follows is another loss: from which step on
      // depends on the machine's kernels.
      const most = stage === "vqgan" && step >= 4 ? 1e-3 : 1e-5;
      expect(Math.abs(loss - (alone[step] ?? NaN)), `step ${step}: ${loss}`).toBeLessThan(most);
    }
  });
});

const checkpoints = (run: string): string[] => {
  const path = join(folder, run, "checkpoints");
  return existsSync(path) ? readdirSync(path).filter((name) => name.startsWith("step-")) : [];
};
const pidsOf = (launcher: ChildProcess): number[] =>
  readFileSync(`/proc/${launcher.pid}/task/${launcher.pid}/children`, "utf8").trim().split(" ").map(Number);

describe("processes that die", () => {
  const steps = ["--steps", "4000", "--checkpoint-every", "20", "--keep-checkpoints", "3"];
  const long = (run: string): string[] => [...command("gpt", run), ...steps];
  test.each(["a later one", "the first one"])("%s: the others end, with one line, and fewer go on", async (which) => {
    const name = `killed ${which}`;
    const run = start(built, ["launch", "--procs", "4", ...long(name)]);
    await until(() => checkpoints(name).length > 1);
    const pids = pidsOf(run.child);
    expect(pids).toHaveLength(4);
    process.kill(pids[which === "the first one" ? 0 : 2] ?? 0, "SIGKILL");
    expect(await run.ended(), run.printed()).toBe(1);
    const said = run
      .printed()
      .split("\n")
      .filter((line) => line.startsWith("clip-gen:"));
    expect(said).toEqual([`clip-gen: process ${which === "the first one" ? 0 : 2} was killed by SIGKILL`]);
    const done = column(join(folder, name), "step").length;
    const fewer = start(built, ["launch", "--procs", "2", ...long(name), "--steps", String(done + 5), "--resume"]);
    expect(await fewer.ended()).toBe(1);
    expect(fewer.printed()).toContain("was started with other settings: steps was 4000");
    const resumed = start(built, ["launch", "--procs", "2", ...long(name), "--resume"]);
    await until(() => column(join(folder, name), "step").length > done + 2);
    resumed.child.kill("SIGTERM");
    expect(await resumed.ended(), resumed.printed()).toBe(130);
    expect(resumed.printed()).toMatch(/stopped after step \d+; go on with the same command and --resume/);
    expect(column(join(folder, name), "step")).toEqual(column(join(folder, name), "step").map((_, step) => step));
  });

  test("without a launcher, the others find out by themselves", async () => {
    const port = String(20_000 + Math.floor(Math.random() * 20_000));
    const env = { WORLD_SIZE: "3", MASTER_ADDR: "127.0.0.1", MASTER_PORT: port };
    const runs = [0, 1, 2].map((rank) =>
      start(built, [...long("alone"), "--batch-size", "9"], { env: { ...env, RANK: String(rank) } }),
    );
    await until(() => checkpoints("alone").length > 1);
    runs[1]?.child.kill("SIGKILL");
    expect(await runs[0]?.ended()).toBe(1);
    expect(await runs[2]?.ended()).toBe(1);
    const said = runs.flatMap(({ printed }) =>
      printed()
        .split("\n")
        .filter((line) => line.startsWith("clip-gen:")),
    );
    expect(said).toEqual([
      expect.stringMatching(/^clip-gen: process 1 on .+ (ended|broke its connection off), so the run ends/),
    ]);
  });

  test("--restarts begins again from the newest checkpoint", async () => {
    const run = start(built, ["launch", "--procs", "2", "--restarts", "1", ...long("again")]);
    await until(() => checkpoints("again").length > 1);
    process.kill(pidsOf(run.child)[1] ?? 0, "SIGKILL");
    await until(() =>
      /from step [1-9]\d* to 4000, 2 processes/.test(readFileSync(join(folder, "again", "log.txt"), "utf8")),
    );
    run.child.kill("SIGTERM");
    expect(await run.ended(), run.printed()).toBe(130);
    expect(run.printed()).toContain("clip-gen: process 1 was killed by SIGKILL; starting again (1/1)");
  });
});

const told = async (args: string[], env: Record<string, string> = {}): Promise<string> => {
  const run = start(built, args, { env });
  expect(await run.ended()).toBe(1);
  return run.printed();
};

test("what cannot work is told before anything starts", async () => {
  expect(await told(["launch", "--procs", "2", "generate", "a cat"])).toContain("launch starts a training");
  expect(await told(command("gpt", "odd"), { WORLD_SIZE: "3", RANK: "0" })).toContain("MASTER_ADDR is missing");
  const env = { WORLD_SIZE: "3", RANK: "0", MASTER_ADDR: "127.0.0.1", MASTER_PORT: "1234" };
  expect(await told(command("gpt", "odd"), env)).toContain("a batch of 8 cannot be shared among 3 processes");
  expect(await told(command("gpt", "odd"), { ...env, RANK: "3" })).toContain(
    'RANK is "3"; expected a whole number from 0 to 2',
  );
});
