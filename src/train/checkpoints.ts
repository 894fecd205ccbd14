import { createHash } from "node:crypto";
import { closeSync, existsSync, openSync, readdirSync, readSync, rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { writeFolderAtomic } from "../io/atomic.ts";
import { problemsOf, readJson, writeJson } from "../io/json.ts";
import { readSafetensors, writeSafetensors } from "../tensor/safetensors.ts";
import { tidy } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Anything whose state a checkpoint holds: modules, optimizers, averages. */
export type Stateful = {
  stateDict(): Map<string, Tensor>;
  loadStateDict(state: ReadonlyMap<string, Tensor>): unknown;
};

/** Where a run is: the step that comes next, and the batch that it takes. They differ where a batch was passed over. */
export type Place = { step: number; position: number };

const NAME = /^step-(\d{7,})$/;
const STATE = "state.json";

const stateSchema = z
  .object({
    step: z.number().int().min(0),
    position: z.number().int().min(0).optional(),
    badness: z.number().optional(),
    checksums: z.record(z.string(), z.string()).default({}),
  })
  .transform(({ position, ...state }) => ({ ...state, position: position ?? state.step }));
type State = z.output<typeof stateSchema>;

/**
 * The checkpoints of a run. Each is written beside, synced and renamed, with checksums of its files: a crash leaves the one
 * before, and one that the disk has spoilt is found out.
 */
export class Checkpoints {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Keeps the newest `keep`, and the best one: that with the least badness. */
  async save(
    place: Place & { badness?: number | undefined },
    parts: Record<string, Stateful>,
    { keep }: { keep: number },
  ): Promise<void> {
    const fill = (temporary: string): void => {
      const checksums: Record<string, string> = {};
      for (const [name, part] of Object.entries(parts)) {
        const file = join(temporary, fileOf(name));
        tidy(() => writeSafetensors(file, part.stateDict()));
        checksums[fileOf(name)] = checksumOf(file);
      }
      const { step, position, badness } = place;
      writeJson(join(temporary, STATE), { step, position, ...(badness !== undefined && { badness }), checksums });
    };
    await writeFolderAtomic(this.#path(place.step), fill, { replace: true });
    const steps = this.#steps();
    const best = this.#best(steps);
    for (const old of steps.slice(0, -keep)) if (old !== best) rmSync(this.#path(old), { recursive: true });
  }

  /**
   * Loads the newest one that is whole; says which newer ones are not. No place where there is none at all.
   * @throws Error when there are some, and none is whole
   */
  restore(parts: Record<string, Stateful>): { place: Place | undefined; damages: string[] } {
    const damages: string[] = [];
    for (const step of this.#steps().toReversed()) {
      const folder = this.#path(step);
      const state = readState(folder, step);
      const damage = typeof state === "string" ? state : damageOf(folder, state, Object.keys(parts));
      if (typeof state === "string" || damage !== undefined) {
        damages.push(`checkpoint ${step} is damaged (${damage})`);
        continue;
      }
      tidy(() => {
        for (const [name, part] of Object.entries(parts))
          part.loadStateDict(readSafetensors(join(folder, fileOf(name))));
      });
      return { place: { step: state.step, position: state.position }, damages };
    }
    if (damages.length === 0) return { place: undefined, damages };
    throw new Error(`${this.#folder} has no whole checkpoint to go on from: ${damages.join("; ")}`);
  }

  /** Takes away what a process that was killed was about to write. */
  tidyUp(): void {
    for (const name of this.#names()) {
      if (/^\.(tmp|old)-/.test(name)) rmSync(join(this.#folder, name), { recursive: true });
    }
  }

  #best(steps: readonly number[]): number | undefined {
    let best: { step: number; badness: number } | undefined;
    for (const step of steps) {
      const state = readState(this.#path(step), step);
      if (typeof state === "string" || state.badness === undefined) continue;
      if (!best || state.badness < best.badness) best = { step, badness: state.badness };
    }
    return best?.step;
  }

  /** The newest last. By number: as text, step 10,000,000 would come before step 9,999,999. */
  #steps(): number[] {
    return this.#names()
      .flatMap((name) => Number(NAME.exec(name)?.[1] ?? []))
      .toSorted((a, b) => a - b);
  }

  #names(): string[] {
    return existsSync(this.#folder) ? readdirSync(this.#folder) : [];
  }

  #path(step: number): string {
    return join(this.#folder, checkpointName(step));
  }
}

export function checkpointName(step: number): string {
  return `step-${String(step).padStart(7, "0")}`;
}

function fileOf(part: string): string {
  return `${part}.safetensors`;
}

/** What `state.json` says, or what is wrong with it. */
function readState(folder: string, step: number): State | string {
  try {
    const parsed = stateSchema.safeParse(readJson(join(folder, STATE)));
    if (!parsed.success) return `${STATE}: ${problemsOf(parsed.error)}`;
    return parsed.data.step === step ? parsed.data : `${STATE} is that of step ${parsed.data.step}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** What is wrong with a checkpoint's files, if anything is. */
function damageOf(folder: string, { checksums }: State, parts: readonly string[]): string | undefined {
  for (const file of parts.map(fileOf)) {
    if (!existsSync(join(folder, file))) return `${file} is missing`;
    const expected = checksums[file];
    if (expected !== undefined && checksumOf(join(folder, file)) !== expected) return `${file} has another checksum`;
  }
  return undefined;
}

/** SHA-256 of a file's bytes, read piece by piece. */
function checksumOf(file: string): string {
  const hash = createHash("sha256");
  const piece = Buffer.alloc(2 ** 24);
  const fd = openSync(file, "r");
  try {
    for (let read = readSync(fd, piece); read > 0; read = readSync(fd, piece)) hash.update(piece.subarray(0, read));
  } finally {
    closeSync(fd);
  }
  return hash.digest("hex");
}
