import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomic, writeFolderAtomic } from "../io/atomic.ts";
import { EventWriter } from "../io/tfevents.ts";
import { readSafetensors, writeSafetensors } from "../tensor/safetensors.ts";
import { randomState, setRandomState } from "../tensor/random.ts";
import { tidy } from "../tensor/scope.ts";
import type { Device, Tensor } from "../tensor/tensor.ts";

/** Anything whose state a checkpoint holds: modules, optimizers, averages. */
export type Stateful = {
  stateDict(): Map<string, Tensor>;
  loadStateDict(state: ReadonlyMap<string, Tensor>): unknown;
};

/** Numbers of one step, by name. */
export type Metrics = Record<string, number>;

const CHECKPOINT = /^step-(\d{7,})$/;

/**
 * The folder of one training run: `config.json`, `metrics.jsonl`, TensorBoard events, `samples/`, `checkpoints/`.
 * Checkpoints are written beside and renamed, so that a crash leaves the one before.
 */
export class RunFolder {
  readonly path: string;
  readonly #events: EventWriter;
  readonly #metrics: string;

  private constructor(path: string) {
    this.path = path;
    this.#metrics = join(path, "metrics.jsonl");
    this.#events = new EventWriter(path);
  }

  /** Starts a run; an error when the folder already holds one. */
  static create(path: string, config: unknown): RunFolder {
    if (existsSync(join(path, "config.json"))) {
      throw new Error(`${path} already holds a run; go on with it by --resume, or choose another folder`);
    }
    for (const folder of ["samples", "checkpoints"]) mkdirSync(join(path, folder), { recursive: true });
    writeFileAtomic(join(path, "config.json"), `${JSON.stringify(config, undefined, 2)}\n`);
    return new RunFolder(path);
  }

  /** Goes on with a run; an error when there is none, or when its configuration was another one. */
  static resume(path: string, config: unknown): RunFolder {
    const file = join(path, "config.json");
    if (!existsSync(file)) throw new Error(`${path} holds no run to go on with (config.json is missing)`);
    const differing = differences(parseJson(file, readFileSync(file, "utf8")), config);
    if (differing.length > 0) {
      throw new Error(`${path} was started with other settings: ${differing.join("; ")}. Give the same ones to go on`);
    }
    return new RunFolder(path);
  }

  /** The newest checkpoint's step and folder. */
  latestCheckpoint(): { step: number; folder: string } | undefined {
    const step = this.#checkpoints().at(-1);
    return step === undefined ? undefined : { step, folder: this.#checkpoint(step) };
  }

  /** Appends one line to `metrics.jsonl`, with the time in seconds since 1970, and one point a name to TensorBoard's events. */
  log(step: number, metrics: Metrics): void {
    appendFileSync(this.#metrics, `${JSON.stringify({ step, ...metrics, time: Date.now() / 1000 })}\n`);
    for (const [name, value] of Object.entries(metrics)) this.#events.scalar(`train/${name}`, value, step);
  }

  /** Writes a picture to `samples/`, and into TensorBoard's events. */
  image(name: string, step: number, image: { png: Uint8Array; width: number; height: number }): void {
    writeFileAtomic(join(this.path, "samples", `${name}-${checkpointName(step)}.png`), image.png);
    this.#events.image(`samples/${name}`, image.png, { step, width: image.width, height: image.height });
  }

  /** Saves everything that a later start needs to go on exactly; keeps the newest `keep` checkpoints. */
  async save(step: number, parts: Record<string, Stateful>, options: { device: Device; keep: number }): Promise<void> {
    const folder = this.#checkpoint(step);
    const random = Buffer.from(randomState(options.device)).toString("base64");
    await writeFolderAtomic(
      folder,
      (temporary) => {
        tidy(() => {
          for (const [name, part] of Object.entries(parts)) {
            writeSafetensors(join(temporary, `${name}.safetensors`), part.stateDict());
          }
        });
        writeFileAtomic(join(temporary, "state.json"), `${JSON.stringify({ step, random_state: random })}\n`);
      },
      { replace: true },
    );
    this.#events.flush();
    for (const old of this.#checkpoints().slice(0, -options.keep)) rmSync(this.#checkpoint(old), { recursive: true });
  }

  /** Puts everything back as it was at the newest checkpoint, and gives the step to go on with: 0 without one. */
  restore(parts: Record<string, Stateful>, options: { device: Device }): number {
    const latest = this.latestCheckpoint();
    if (!latest) return 0;
    const file = join(latest.folder, "state.json");
    const state = parseJson(file, readFileSync(file, "utf8"));
    if (!isRecord(state) || typeof state["random_state"] !== "string") throw new Error(`${file} has no random_state`);
    tidy(() => {
      for (const [name, part] of Object.entries(parts)) {
        part.loadStateDict(readSafetensors(join(latest.folder, `${name}.safetensors`)));
      }
    });
    setRandomState(Buffer.from(state["random_state"], "base64"), options.device);
    this.#forgetAfter(latest.step);
    this.#events.restart(latest.step);
    return latest.step;
  }

  close(): void {
    this.#events.close();
  }

  /** The steps of all checkpoints, the newest last. */
  #checkpoints(): number[] {
    const folder = join(this.path, "checkpoints");
    if (!existsSync(folder)) return [];
    // By number: as text, step 10,000,000 would come before step 9,999,999.
    return readdirSync(folder)
      .flatMap((name) => Number(CHECKPOINT.exec(name)?.[1] ?? []))
      .sort((a, b) => a - b);
  }

  #checkpoint(step: number): string {
    return join(this.path, "checkpoints", checkpointName(step));
  }

  /** Lines that were logged after the checkpoint will come again. */
  #forgetAfter(step: number): void {
    if (!existsSync(this.#metrics)) return;
    const text = readFileSync(this.#metrics);
    let end = 0;
    for (let start = 0; start < text.length;) {
      const next = text.indexOf(0x0a, start);
      if (next < 0) break;
      const line = parseJson(this.#metrics, text.toString("utf8", start, next));
      if (!isRecord(line) || !(Number(line["step"]) < step)) break;
      end = next + 1;
      start = end;
    }
    truncateSync(this.#metrics, end);
  }
}

function checkpointName(step: number): string {
  return `step-${String(step).padStart(7, "0")}`;
}

/** Where two settings differ: `lr was 0.001, is 0.01`. How often to write and what to keep may change. */
function differences(saved: unknown, now: unknown, path = ""): string[] {
  if (isRecord(saved) && isRecord(now)) {
    const keys = new Set([...Object.keys(saved), ...Object.keys(now)]);
    return [...keys]
      .filter((key) => !["sample_every", "checkpoint_every", "keep_checkpoints"].includes(key))
      .flatMap((key) => differences(saved[key], now[key], path ? `${path}.${key}` : key));
  }
  const [before, after] = [JSON.stringify(saved), JSON.stringify(now)];
  return before === after ? [] : [`${path} was ${before}, is ${after}`];
}

function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${file} is damaged: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
