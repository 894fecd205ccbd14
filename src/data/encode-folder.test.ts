import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { buildPackage } from "../../test/built-package.ts";
import { temporaryFolder } from "../../test/tiny.ts";
import { encodeFolder, shardRanges, type EncodeJob, type PictureRange } from "./encode-folder.ts";
import { readEncoded, type EncodedSet } from "./encoded.ts";
import type { Skipped } from "./shards/broken.ts";

const folder = temporaryFolder();
let made = 0;
const newFolder = (): string => join(folder, String((made += 1)));

/** Two pictures at a time, each of whose numbers is its own; every tenth is broken. */
async function* encode(
  [start, end]: PictureRange,
  onSkipped: (skipped: Skipped[]) => void,
): AsyncGenerator<EncodedSet> {
  for (let at = start; at < end; at += 2) {
    const all = [at, at + 1].filter((index) => index < end);
    const some = all.filter((index) => index % 10 !== 9);
    const broken = all.filter((index) => index % 10 === 9);
    if (some.length > 0) {
      yield {
        count: some.length,
        views: 1,
        grid: [1, 2],
        codebookSize: 100,
        embedDim: 1,
        tokens: Int32Array.from(some.flatMap((index) => [index, index])),
        embeddings: Float32Array.from(some),
        names: some.map((index) => `picture ${index}`),
      };
    }
    if (broken.length > 0) onSkipped(broken.map((index) => ({ file: `picture ${index}`, reason: "broken" })));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const ranges: PictureRange[] = [
  [0, 10],
  [10, 15],
  [15, 40],
  [40, 43],
];
const broken = [9, 19, 29, 39];
const settings = { size: 16, clip: "abc", flip: true };

function job(changes: Partial<EncodeJob> = {}): EncodeJob {
  return { folder: newFolder(), shards: ranges, settings, encode, pollMs: 5, ...changes };
}

/** Everything that a folder holds, claims and what a killed process left half-written aside. */
function contents(path: string): Record<string, string> {
  const names = readdirSync(path).filter((name) => !name.startsWith(".tmp-"));
  return Object.fromEntries(names.sort().map((name) => [name, readFileSync(join(path, name), "hex")]));
}

let expected: Record<string, string> = {};
beforeAll(async () => {
  const whole = job();
  await encodeFolder(whole);
  expected = contents(whole.folder);
});

describe("a folder of encoded pictures", () => {
  test("holds all pictures that can be read, in their order", async () => {
    const mine = job();
    const steps: string[] = [];
    const result = await encodeFolder({ ...mine, onProgress: (done, total) => steps.push(`${done}/${total}`) });
    expect(result).toMatchObject({ count: 39, broken: 4 });
    expect(result.skipped.map(({ file }) => file)).toEqual(broken.map((index) => `picture ${index}`));
    const set = readEncoded(mine.folder);
    const kept = Array.from({ length: 43 }, (_, i) => i).filter((index) => !broken.includes(index));
    expect([...set.embeddings]).toEqual(kept);
    expect(set.names).toEqual(kept.map((index) => `picture ${index}`));
    expect([steps[0], steps.at(-1)]).toEqual(["0/43", "43/43"]);
    expect(Object.keys(contents(mine.folder))).toEqual(Object.keys(expected));
    expect(contents(mine.folder)).toEqual(expected);
  });

  test("has the same bytes when it is stopped time and again", async () => {
    const mine = job();
    for (let stops = 0; !existsSync(join(mine.folder, "index.json")); stops += 1) {
      const controller = new AbortController();
      let batches = 0;
      const onProgress = (): void => {
        if ((batches += 1) > 9) controller.abort(new Error("enough"));
      };
      const run = encodeFolder({ ...mine, signal: controller.signal, onProgress });
      await run.catch((error: unknown) => expect(error).toEqual(new Error("enough")));
      expect(readdirSync(mine.folder).filter((name) => name.endsWith(".claim"))).toEqual([]);
      // The longest shard has to be done in one go.
      expect(stops).toBeLessThan(50);
      if (stops > 2) await encodeFolder(mine);
    }
    expect(contents(mine.folder)).toEqual(expected);
  });

  test("has the same bytes when many make it at once, and each shard is made once", async () => {
    const mine = job();
    const starts: number[] = [];
    const counted: EncodeJob = {
      ...mine,
      encode: (range, onSkipped) => {
        starts.push(range[0]);
        return encode(range, onSkipped);
      },
    };
    const results = await Promise.all([1, 2, 3, 4, 5, 6].map(() => encodeFolder(counted)));
    expect(starts.sort((a, b) => a - b)).toEqual([0, 10, 15, 40]);
    expect(new Set(results.map(({ count }) => count))).toEqual(new Set([39]));
    expect(contents(mine.folder)).toEqual(expected);
  });

  test("goes on with what a dead process has claimed", async () => {
    const mine = job();
    await encodeFolder(mine);
    for (const name of ["index.json", "shard-000002.json", "shard-000002-000.safetensors"])
      rmSync(join(mine.folder, name));
    writeFileSync(join(mine.folder, "shard-000002.claim"), JSON.stringify({ host: "elsewhere", pid: 1 }));
    writeFileSync(join(mine.folder, "index.claim"), JSON.stringify({ host: "elsewhere", pid: 1 }));
    await encodeFolder({ ...mine, staleMs: 30 });
    expect(contents(mine.folder)).toEqual(expected);
  });

  test("refuses other settings and other shards", async () => {
    const mine = job();
    await encodeFolder(mine);
    await expect(encodeFolder({ ...mine, settings: { ...settings, size: 32, flip: false } })).rejects.toThrow(
      `${mine.folder} was begun with other settings: size was 16, is 32; flip was true, is false; choose another folder`,
    );
    await expect(encodeFolder({ ...mine, settings: { size: 16 } })).rejects.toThrow("clip was abc, is undefined");
    const other = job();
    writeFileSync(join(folder, "x"), "");
    await encodeFolder(other);
    rmSync(join(other.folder, "index.json"));
    await expect(encodeFolder({ ...other, shards: ranges.slice(0, 3) })).rejects.toThrow(
      "was begun with other settings: pictureCount was 43, is 40; shards was 4, is 3",
    );
  });

  test("is verified before it has an index", async () => {
    const shard = "shard-000001-000.safetensors";
    const damages: [(path: string) => void, string][] = [
      [(path) => truncateSync(join(path, shard), 100), `${shard} is cut short`],
      [(path) => rmSync(join(path, shard)), `${shard} does not exist`],
      [(path) => flip(join(path, shard)), `${shard} has the SHA-256`],
      [(path) => truncateSync(join(path, "shard-000001.json"), 50), "shard-000001.json is no JSON"],
      [
        (path) => change(join(path, "shard-000001.json"), '"broken":0', '"broken":1'),
        "tells of 6 pictures, expected 5",
      ],
      [(path) => change(join(path, "shard-000001.json"), '"settings":"', '"settings":"x'), "made with other settings"],
    ];
    for (const [damage, message] of damages) {
      const mine = job();
      await encodeFolder(mine);
      rmSync(join(mine.folder, "index.json"));
      damage(mine.folder);
      const again = encodeFolder(mine);
      await expect(again).rejects.toThrow(message);
      await expect(again).rejects.toThrow("remove this file and run the same command again");
      rmSync(join(mine.folder, "shard-000001.json"));
      await encodeFolder(mine);
      expect(contents(mine.folder)).toEqual(expected);
    }
  });

  test("stops where too many pictures are broken", async () => {
    await expect(encodeFolder(job({ mostBroken: 3 }))).rejects.toThrow(
      "4 of 43 pictures cannot be read, expected 3 at most; the first, picture 9: broken",
    );
    const none = job({ shards: [[9, 10]] });
    await expect(encodeFolder(none)).rejects.toThrow("none of 1 pictures could be read; the first, picture 9: broken");
    const some = job({
      shards: [
        [9, 10],
        [10, 12],
      ],
    });
    expect(await encodeFolder(some)).toMatchObject({ count: 2, broken: 1 });
    expect(readEncoded(some.folder).names).toEqual(["picture 10", "picture 11"]);
  });
});

test("shards are the pictures' parts, small ones put together", () => {
  expect(shardRanges([10_000, 5000])).toEqual([
    [0, 10_000],
    [10_000, 15_000],
  ]);
  expect(shardRanges([1000, 3000, 96, 5000, 7])).toEqual([
    [0, 4096],
    [4096, 9096],
    [9096, 9103],
  ]);
  expect(shardRanges([3])).toEqual([[0, 3]]);
  expect(shardRanges([])).toEqual([]);
});

function flip(path: string): void {
  const bytes = readFileSync(path);
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  writeFileSync(path, bytes);
}

function change(path: string, from: string, to: string): void {
  const text = readFileSync(path, "utf8");
  expect(text).toContain(from);
  writeFileSync(path, text.replace(from, to));
}

describe("processes", () => {
  let script = "";

  beforeAll(() => {
    const built = buildPackage("encode-folder");
    const address = pathToFileURL(join(built, "dist/data/encode-folder.js")).href;
    script = join(folder, "worker.mjs");
    writeFileSync(
      script,
      `import { encodeFolder } from ${JSON.stringify(address)};
       import { setTimeout } from "node:timers/promises";
       const [folder, pause] = process.argv.slice(2);
       ${encode.toString()}
       async function* slow(range, onSkipped) {
         process.send({ start: range[0] });
         for await (const batch of encode(range, onSkipped)) {
           await setTimeout(Number(pause));
           yield batch;
         }
       }
       const { shards, settings } = ${JSON.stringify({ shards: ranges, settings })};
       await encodeFolder({ folder, shards, settings, encode: slow, pollMs: 20 });
       process.disconnect();`,
    );
  });

  function start(path: string, pauseMs: number): { child: ChildProcess; starts: number[] } {
    const starts: number[] = [];
    const child = fork(script, [path, String(pauseMs)]);
    child.on("message", (message: unknown) => {
      if (typeof message === "object" && message !== null && "start" in message) starts.push(Number(message.start));
    });
    return { child, starts };
  }

  test("one that is killed goes on where it was, and the bytes are the same", async () => {
    const path = newFolder();
    const killed = start(path, 20);
    while (killed.starts.length < 3) await once(killed.child, "message");
    killed.child.kill("SIGKILL");
    await once(killed.child, "exit");
    const left = readdirSync(path);
    expect(left).toContain("shard-000002.claim");
    expect(left).not.toContain("shard-000002.json");
    const second = start(path, 0);
    expect(await once(second.child, "exit")).toEqual([0, null]);
    expect(second.starts.sort((a, b) => a - b)).toEqual([15, 40]);
    expect(contents(path)).toEqual(expected);
  });

  test("two share the work", async () => {
    const path = newFolder();
    // Long enough for the second one to come before the first one is done, on a busy machine too.
    const both = [start(path, 300), start(path, 300)];
    const exits = await Promise.all(both.map(({ child }) => once(child, "exit")));
    expect(exits).toEqual([
      [0, null],
      [0, null],
    ]);
    expect(both.flatMap(({ starts }) => starts).sort((a, b) => a - b)).toEqual([0, 10, 15, 40]);
    for (const { starts } of both) expect(starts.length).toBeGreaterThan(0);
    expect(contents(path)).toEqual(expected);
  });
});
