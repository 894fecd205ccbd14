import { createHash } from "node:crypto";
import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { problemsOf, readJson } from "../io/json.ts";
import { median } from "./median.ts";

/** A run whose last step is older is taken for stopped: a step takes less. */
const STALE_MS = 10 * 60 * 1000;
const READ_BYTES = 2 ** 20;
/** A line of more is none of ours, nor are so many figures. */
const [MOST_CHARACTERS, MOST_NAMES] = [2 ** 16, 200];
/** So much of a log's end is shown. */
const LOG_BYTES = 2 ** 16;

const line = z.record(z.string(), z.union([z.number(), z.null()]));
const config = z.looseObject({
  stage: z.string().default("run"),
  steps: z.number().optional(),
  batch_size: z.number().optional(),
});

export type RunState = "running" | "finished" | "stopped";

/** A training run as it is now. */
export type RunInfo = {
  id: string;
  /** Its folder, from the one that was given. */
  name: string;
  stage: string;
  state: RunState;
  /** Steps done, and steps to do. */
  step: number;
  steps: number | undefined;
  pictures_per_second: number | undefined;
  seconds_left: number | undefined;
  /** Milliseconds since 1970. */
  changed: number;
  newest: Record<string, number>;
};

/** What was measured: a row a step. */
export type RunMetrics = { steps: number[]; values: Record<string, (number | null)[]> };

/** A sample grid's file. */
export type Sample = { name: string; step: number; file: string };

/** A run's files, read as they grow. */
export class RunLog {
  readonly id: string;
  readonly name: string;
  readonly folder: string;
  config: z.infer<typeof config> = { stage: "run" };
  steps: number[] = [];
  values = new Map<string, (number | null)[]>();
  changed = 0;
  samples: Sample[] = [];
  /** What happened between steps, the newest last: starts, stops, damaged checkpoints, steps that went wrong. */
  log: string[] = [];
  #offset = 0;
  #rest = "";

  constructor(folder: string, name: string) {
    this.folder = folder;
    this.name = name;
    this.id = createHash("sha256").update(folder).digest("base64url").slice(0, 12);
  }

  async refresh(): Promise<void> {
    const parsed = config.safeParse(readJson(join(this.folder, "config.json")));
    if (!parsed.success) throw new Error(`${join(this.folder, "config.json")}: ${problemsOf(parsed.error)}`);
    this.config = parsed.data;
    const file = join(this.folder, "metrics.jsonl");
    const { size, mtimeMs } = await stat(file);
    this.changed = mtimeMs;
    if (size < this.#offset) this.#forget();
    if (size > this.#offset) await this.#read(file);
    this.samples = await samplesOf(this.folder);
    this.log = await lastLines(join(this.folder, "log.txt"));
  }

  /** A resumed run cuts off what came after its checkpoint. */
  #forget(): void {
    this.#offset = 0;
    this.#rest = "";
    this.steps = [];
    this.values = new Map();
  }

  async #read(file: string): Promise<void> {
    const handle = await open(file);
    try {
      const buffer = Buffer.alloc(READ_BYTES);
      for (;;) {
        const { bytesRead } = await handle.read(buffer, 0, READ_BYTES, this.#offset);
        if (bytesRead === 0) return;
        this.#offset += bytesRead;
        // Numbers and names are ASCII: no character lies across two reads.
        const lines = (this.#rest + buffer.toString("latin1", 0, bytesRead)).split("\n");
        this.#rest = (lines.pop() ?? "").slice(0, MOST_CHARACTERS);
        for (const text of lines) this.#add(text);
      }
    } finally {
      await handle.close();
    }
  }

  #add(text: string): void {
    const parsed = line.safeParse(jsonOf(text));
    const step = parsed.data?.["step"];
    if (!parsed.success || typeof step !== "number") return;
    const row = this.steps.length;
    this.steps.push(step);
    for (const [name, value] of Object.entries(parsed.data)) {
      if (name === "step" || (this.values.size >= MOST_NAMES && !this.values.has(name))) continue;
      const column = this.values.get(name) ?? Array.from({ length: row }, () => null);
      while (column.length < row) column.push(null);
      column.push(value);
      this.values.set(name, column);
    }
  }

  get info(): RunInfo {
    const { stage, steps, batch_size: batchSize } = this.config;
    const step = (this.steps.at(-1) ?? -1) + 1;
    const isFinished = steps !== undefined && step >= steps;
    const state = isFinished ? "finished" : Date.now() - this.changed > STALE_MS ? "stopped" : "running";
    const seconds = this.#secondsPerStep();
    const newest = Array.from(this.values, ([name, column]) => [name, column.at(-1)] as const);
    return {
      id: this.id,
      name: this.name,
      stage,
      state,
      step,
      steps,
      pictures_per_second: seconds !== undefined && batchSize !== undefined ? batchSize / seconds : undefined,
      seconds_left:
        state === "running" && seconds !== undefined && steps !== undefined ? (steps - step) * seconds : undefined,
      changed: this.changed,
      newest: Object.fromEntries(
        newest.filter((entry): entry is readonly [string, number] => typeof entry[1] === "number"),
      ),
    };
  }

  /** The median of the last steps' times: samples and checkpoints lie between some of them. */
  #secondsPerStep(): number | undefined {
    const times = (this.values.get("time") ?? []).slice(-50);
    const between = times.slice(1).flatMap((time, i) => (typeof time === "number" ? [time - (times[i] ?? time)] : []));
    return between.length > 0 ? median(between) : undefined;
  }

  /** At most so many rows: of more, each is the mean of some that follow one another. */
  metrics(most: number): RunMetrics {
    const size = Math.max(1, Math.ceil(this.steps.length / most));
    const starts = Array.from({ length: Math.ceil(this.steps.length / size) }, (_, i) => i * size);
    return {
      steps: starts.map((start) => this.steps[Math.min(start + size, this.steps.length) - 1] ?? 0),
      values: Object.fromEntries(
        Array.from(this.values)
          .filter(([name]) => name !== "time")
          .map(([name, column]) => [name, starts.map((start) => meanOf(column.slice(start, start + size)))]),
      ),
    };
  }
}

async function samplesOf(folder: string): Promise<Sample[]> {
  const names = await readdir(join(folder, "samples")).catch(() => []);
  return names
    .flatMap((file) => {
      const [, name, step] = /^(\w[\w-]*)-step-(\d+)\.png$/.exec(file) ?? [];
      return name === undefined ? [] : [{ name, step: Number(step), file: join(folder, "samples", file) }];
    })
    .toSorted((a, b) => a.step - b.step || a.name.localeCompare(b.name));
}

async function lastLines(file: string): Promise<string[]> {
  const handle = await open(file).catch(() => undefined);
  if (!handle) return [];
  try {
    const { size } = await handle.stat();
    const length = Math.min(size, LOG_BYTES);
    const { buffer } = await handle.read(Buffer.alloc(length), 0, length, size - length);
    const lines = buffer.toString("utf8").trimEnd().split("\n");
    return size > length ? lines.slice(1) : lines.filter((each) => each !== "");
  } finally {
    await handle.close();
  }
}

function meanOf(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
