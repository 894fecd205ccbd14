import { createHash } from "node:crypto";
import { open, readdir, readFile, stat } from "node:fs/promises";
import { basename, join, relative, resolve } from "node:path";
import { z } from "zod";

/** How deep below a given folder runs are looked for: `train` keeps them in MODEL/runs/STAGE. */
const DEEPEST = 4;
/** A run whose last step is older is taken for stopped: a step takes less. */
const STALE_MS = 10 * 60 * 1000;
/** Between two looks at the folders. */
const LOOK_MS = 3000;
const READ_BYTES = 2 ** 20;

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

type Sample = { name: string; step: number; file: string };

/** A run's files, read as they grow. */
class Run {
  readonly id: string;
  readonly name: string;
  readonly folder: string;
  config: z.infer<typeof config> = { stage: "run" };
  steps: number[] = [];
  values = new Map<string, (number | null)[]>();
  changed = 0;
  samples: Sample[] = [];
  #offset = 0;
  #rest = "";

  constructor(folder: string, name: string) {
    this.folder = folder;
    this.name = name;
    this.id = createHash("sha256").update(folder).digest("base64url").slice(0, 12);
  }

  async refresh(): Promise<void> {
    this.config = config.parse(JSON.parse(await readFile(join(this.folder, "config.json"), "utf8")));
    const file = join(this.folder, "metrics.jsonl");
    const { size, mtimeMs } = await stat(file);
    this.changed = mtimeMs;
    if (size < this.#offset) this.#forget();
    if (size > this.#offset) await this.#read(file);
    this.samples = await samplesOf(this.folder);
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
        this.#rest = lines.pop() ?? "";
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
      if (name === "step") continue;
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
    const sorted = between.toSorted((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)];
  }
}

/** The training runs below some folders, looked at while they go on. Requests name them by ids; no path of theirs reaches the disk. */
export class Runs {
  readonly #folders: readonly string[];
  #runs = new Map<string, Run>();
  #looked = 0;
  #looking: Promise<void> | undefined;

  constructor(folders: readonly string[]) {
    this.#folders = folders.map((folder) => resolve(folder));
  }

  /** The one that changed last first. */
  async list(): Promise<RunInfo[]> {
    await this.#look();
    return Array.from(this.#runs.values(), ({ info }) => info).toSorted((a, b) => b.changed - a.changed);
  }

  async info(
    id: string,
  ): Promise<{ info: RunInfo; config: unknown; samples: { name: string; step: number }[] } | undefined> {
    const run = await this.#run(id);
    return (
      run && { info: run.info, config: run.config, samples: run.samples.map(({ name, step }) => ({ name, step })) }
    );
  }

  /** At most so many rows: of more, each is the mean of some that follow one another. */
  async metrics(id: string, most: number): Promise<RunMetrics | undefined> {
    const run = await this.#run(id);
    if (!run) return undefined;
    const size = Math.max(1, Math.ceil(run.steps.length / most));
    const starts = Array.from({ length: Math.ceil(run.steps.length / size) }, (_, i) => i * size);
    return {
      steps: starts.map((start) => run.steps[Math.min(start + size, run.steps.length) - 1] ?? 0),
      values: Object.fromEntries(
        Array.from(run.values)
          .filter(([name]) => name !== "time")
          .map(([name, column]) => [name, starts.map((start) => meanOf(column.slice(start, start + size)))]),
      ),
    };
  }

  async sample(id: string, name: string, step: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const run = await this.#run(id);
    const sample = run?.samples.find((each) => each.name === name && each.step === step);
    return sample && new Uint8Array(await readFile(sample.file));
  }

  async #run(id: string): Promise<Run | undefined> {
    await this.#look();
    return this.#runs.get(id);
  }

  async #look(): Promise<void> {
    if (Date.now() - this.#looked < LOOK_MS) return;
    this.#looking ??= this.#lookNow();
    await this.#looking;
  }

  async #lookNow(): Promise<void> {
    try {
      const found = (await Promise.all(this.#folders.map(async (folder) => await runsBelow(folder)))).flat();
      const runs = new Map<string, Run>();
      for (const { folder, name } of found) {
        const fresh = new Run(folder, name);
        const run = this.#runs.get(fresh.id) ?? fresh;
        try {
          await run.refresh();
          runs.set(run.id, run);
        } catch {
          // Being made, or taken away: the next look will tell.
        }
      }
      this.#runs = runs;
    } finally {
      this.#looked = Date.now();
      this.#looking = undefined;
    }
  }
}

async function runsBelow(top: string): Promise<{ folder: string; name: string }[]> {
  const found: { folder: string; name: string }[] = [];
  const visit = async (folder: string, depth: number): Promise<void> => {
    const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
    const names = new Set(entries.map(({ name }) => name));
    if (names.has("config.json") && names.has("metrics.jsonl")) {
      found.push({ folder, name: relative(top, folder) || basename(top) });
      return;
    }
    if (depth === DEEPEST) return;
    const below = entries.filter(
      (entry) => entry.isDirectory() && !entry.name.startsWith(".") && entry.name !== "node_modules",
    );
    await Promise.all(below.map(async ({ name }) => await visit(join(folder, name), depth + 1)));
  };
  await visit(top, 0);
  return found;
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
