import { readdir, readFile } from "node:fs/promises";
import { basename, join, relative, resolve } from "node:path";
import { nestsTooDeeply } from "../io/json.ts";
import { RunLog, type RunInfo, type RunMetrics } from "../train/run-log.ts";

/** How deep below a given folder runs are looked for: `train` keeps them in MODEL/runs/STAGE. */
const DEEPEST = 4;
/** Folders that are looked into: whoever starts the server in a home folder does not wait for all of it. */
const MOST_FOLDERS = 5000;
/** Between two looks at the folders. */
const LOOK_MS = 3000;

/** The training runs below some folders, looked at while they go on. Requests name them by ids; no path of theirs reaches the disk. */
export class Runs {
  readonly #folders: readonly string[];
  #runs = new Map<string, RunLog>();
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
  ): Promise<{ info: RunInfo; config: unknown; log: string[]; samples: { name: string; step: number }[] } | undefined> {
    const run = await this.#run(id);
    if (!run) return undefined;
    const { info, config, log, samples } = run;
    return { info, config, log, samples: samples.map(({ name, step }) => ({ name, step })) };
  }

  /** At most so many rows: of more, each is the mean of some that follow one another. */
  async metrics(id: string, most: number): Promise<RunMetrics | undefined> {
    return (await this.#run(id))?.metrics(most);
  }

  async sample(id: string, name: string, step: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const run = await this.#run(id);
    const sample = run?.samples.find((each) => each.name === name && each.step === step);
    return sample && new Uint8Array(await readFile(sample.file));
  }

  async #run(id: string): Promise<RunLog | undefined> {
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
      const runs = new Map<string, RunLog>();
      for (const { folder, name } of found) {
        const fresh = new RunLog(folder, name);
        const run = this.#runs.get(fresh.id) ?? fresh;
        try {
          await run.refresh();
          // What nests without an end would be no answer, either.
          if (!nestsTooDeeply(run.config)) runs.set(run.id, run);
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
  let looked = 0;
  const visit = async (folder: string, depth: number): Promise<void> => {
    if ((looked += 1) > MOST_FOLDERS) return;
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
