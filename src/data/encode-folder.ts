import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { fromDisk, toDisk } from "../config.ts";
import { writeFileExclusive } from "../io/atomic.ts";
import { readJson } from "../io/json.ts";
import { ClaimWatch, takeClaim } from "./claims.ts";
import { brokenIn, encodedSummary, writeIndex, type ShardAbout } from "./encoded.ts";
import { checkShard, readShard, shardName, ShardWriter, type EncodedShard } from "./encoded-shards.ts";
import type { EncodedSet } from "./encoded-set.ts";
import { checkBroken, usualBroken, type Skipped } from "./shards/broken.ts";

/** Pictures from the first one to before the last. */
export type PictureRange = readonly [start: number, end: number];

export type EncodeJob = {
  folder: string;
  /** The pictures of each shard; all processes have to have the same. */
  shards: readonly PictureRange[];
  /** Of what the set is made, and how. A folder that was begun with others is refused. */
  settings: Readonly<Record<string, string | number | boolean>>;
  /** Encodes some pictures, the same ones always to the same numbers, and counts those that cannot be read. */
  encode: (range: PictureRange, onSkipped: (skipped: readonly Skipped[]) => void) => AsyncIterable<EncodedSet>;
  /** How many pictures may be broken before that is an error. Default: one in a hundred, at least 100. */
  mostBroken?: number;
  /** Called after each batch and shard; what other processes have done counts, too. */
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal | undefined;
  /** After how long without a sign a process is taken for dead, in milliseconds. Default: two minutes. */
  staleMs?: number;
  /** Between two looks at what others do, in milliseconds. Default 2000. */
  pollMs?: number;
};

/** What came of it: pictures encoded, pictures that could not be read, and the first of those. */
export type EncodeResult = ReturnType<typeof encodedSummary>;

/** Parts of fewer pictures are put together. */
const LEAST = 4096;

/** The shards of an encoded set: those of the pictures, where small ones that follow one another make one. */
export function shardRanges(parts: readonly number[]): PictureRange[] {
  const ranges: PictureRange[] = [];
  let [start, end] = [0, 0];
  for (const part of parts) {
    end += part;
    if (end - start < LEAST) continue;
    ranges.push([start, end]);
    start = end;
  }
  if (end > start) ranges.push([start, end]);
  return ranges;
}

/**
 * Encodes pictures into a folder, shard by shard. A shard that is done stays done: after a stop the same command goes on. Any
 * number of processes may work on one folder, on all machines that see it; each takes what no other has claimed, and goes on
 * with what one that died has left. When all shards are there one process verifies them and writes the index; all of
 * them return then. The bytes are the same however many there are.
 */
export async function encodeFolder(job: EncodeJob): Promise<EncodeResult> {
  const { folder, shards, signal, pollMs = 2000 } = job;
  mkdirSync(folder, { recursive: true });
  agreeOnSettings(job);
  const watch = new ClaimWatch(job);
  const progress = new Progress(job);
  while (!existsSync(join(folder, "index.json"))) {
    signal?.throwIfAborted();
    const names = new Set(readdirSync(folder));
    const left = [...shards.keys()].filter((number) => !names.has(`${shardName(number)}.json`));
    progress.look(left);
    const tasks = left.length > 0 ? left.map(shardName) : ["index"];
    const free = tasks.filter((task) => !names.has(`${task}.claim`));
    const done = await firstTaken(folder, free, async (task) => {
      const number = left[tasks.indexOf(task)];
      await (number === undefined ? finish(job) : encodeShard(job, number, progress));
    });
    if (done) continue;
    // All that is left is in other hands.
    const cleared = tasks.map((task) => watch.clear(join(folder, `${task}.claim`)));
    // The loop throws the signal's own reason.
    if (!cleared.includes(true)) await sleep(pollMs, undefined, signal && { signal }).catch(() => undefined);
  }
  return encodedSummary(folder);
}

/** Does the first of some tasks that can be claimed. Returns whether there was one. */
async function firstTaken(
  folder: string,
  tasks: readonly string[],
  run: (task: string) => Promise<void>,
): Promise<boolean> {
  for (const task of tasks) {
    const claim = takeClaim(join(folder, `${task}.claim`));
    if (!claim) continue;
    try {
      await run(task);
    } finally {
      claim.release();
    }
    return true;
  }
  return false;
}

async function encodeShard(job: EncodeJob, number: number, progress: Progress): Promise<void> {
  const { folder, shards } = job;
  // Another process may have done it between the look and the claim.
  if (existsSync(join(folder, `${shardName(number)}.json`))) return;
  const writer = new ShardWriter({ folder, number, settings: settingsHash(job) });
  let done = 0;
  const batches = job.encode(shards[number] ?? [0, 0], (skipped) => {
    writer.skip(skipped);
    progress.skip(skipped);
    progress.show((done += skipped.length));
  });
  for await (const batch of batches) {
    job.signal?.throwIfAborted();
    await writer.add(batch);
    progress.show((done += batch.count));
  }
  await writer.finish();
}

/** Verifies all shards, one after the other, and writes the index. */
async function finish(job: EncodeJob): Promise<void> {
  const { folder, shards } = job;
  if (existsSync(join(folder, "index.json"))) return;
  const all = new Map<string, ShardAbout>();
  const hash = settingsHash(job);
  for (const [number, [start, end]] of shards.entries()) {
    job.signal?.throwIfAborted();
    const name = `${shardName(number)}.json`;
    try {
      const shard = readShard(join(folder, name));
      const seen = shard.count + shard.broken;
      if (shard.settings !== hash) throw new Error("it was made with other settings");
      if (seen !== end - start) throw new Error(`it tells of ${seen} pictures, expected ${end - start}`);
      await checkShard(folder, shard);
      // And not the names, of which there may be a hundred million.
      const { count, sizes, broken, skipped } = shard;
      all.set(name, { count, broken, skipped, ...(sizes && { sizes }) });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`${join(folder, name)} is damaged: ${reason}; remove this file and run the same command again`, {
        cause: error,
      });
    }
  }
  checkAllBroken(job, [...all.values()]);
  writeIndex(folder, all);
  // What processes that died late have left.
  for (const name of readdirSync(folder))
    if (/^shard-\d+\.claim$/.test(name)) rmSync(join(folder, name), { force: true });
}

function checkAllBroken(job: EncodeJob, shards: readonly Pick<EncodedShard, "broken" | "skipped">[]): void {
  const count = countOf(job.shards);
  const { mostBroken = usualBroken(count) } = job;
  const { broken, skipped } = brokenIn(shards);
  checkBroken(broken, { count, mostBroken, first: skipped[0] });
}

/** Counts what all processes have done, and too many broken pictures as soon as this one sees them. */
class Progress {
  readonly #job: EncodeJob;
  readonly #total: number;
  readonly #own: Pick<EncodedShard, "broken" | "skipped"> = { broken: 0, skipped: [] };
  #before = 0;

  constructor(job: EncodeJob) {
    this.#job = job;
    this.#total = countOf(job.shards);
  }

  look(left: readonly number[]): void {
    const { shards } = this.#job;
    this.#before = this.#total - countOf(left.map((number) => shards[number] ?? [0, 0]));
    this.show(0);
  }

  show(done: number): void {
    this.#job.onProgress?.(this.#before + done, this.#total);
  }

  skip(pictures: readonly Skipped[]): void {
    this.#own.broken += pictures.length;
    this.#own.skipped.push(...pictures.slice(0, 1));
    checkAllBroken(this.#job, [this.#own]);
  }
}

function countOf(ranges: readonly PictureRange[]): number {
  return ranges.reduce((sum, [start, end]) => sum + end - start, 0);
}

const settingsSchema = z.looseObject({ format: z.literal("clip-gen encode settings"), version: z.literal(1) });

/** Writes the settings down, or compares them with those that the folder was begun with. */
function agreeOnSettings(job: EncodeJob): void {
  const path = join(job.folder, "settings.json");
  const { settings, shards } = job;
  const about = { format: "clip-gen encode settings", version: 1, pictureCount: countOf(shards) };
  const own: Record<string, unknown> = { ...about, shards: shards.length, ...settings };
  if (!existsSync(path)) {
    const taken = writeFileExclusive(path, `${JSON.stringify(toDisk(own), undefined, 2)}\n`);
    if (taken === path) return;
    // Another process was quicker.
    rmSync(taken);
  }
  const parsed = settingsSchema.safeParse(fromDisk(readJson(path)));
  if (!parsed.success) throw new Error(`${path} is no record of how encoded pictures are made; choose another folder`);
  const found: Record<string, unknown> = parsed.data;
  const differences = [...new Set([...Object.keys(found), ...Object.keys(own)])]
    .filter((key) => found[key] !== own[key])
    .map((key) => `${key} was ${String(found[key])}, is ${String(own[key])}`);
  if (differences.length === 0) return;
  throw new Error(
    `${job.folder} was begun with other settings: ${differences.join("; ")}; choose another folder or the same settings`,
  );
}

function settingsHash({ settings, shards }: EncodeJob): string {
  return createHash("sha256")
    .update(JSON.stringify({ settings, shards: shards.length }))
    .digest("hex");
}
