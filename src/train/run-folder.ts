import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { makeFolder, writeFileAtomic } from "../io/atomic.ts";
import { readJson } from "../io/json.ts";
import { oneLine } from "../io/read-error.ts";
import { EventWriter } from "../io/tfevents.ts";
import { Checkpoints, checkpointName, type Place, type Stateful } from "./checkpoints.ts";

/** Numbers of one step, by name. */
export type Metrics = Record<string, number>;

/**
 * The folder of one training run: `config.json`, `metrics.jsonl`, `log.txt`, TensorBoard events, `samples/`, `checkpoints/`.
 */
export class RunFolder {
  readonly path: string;
  readonly #events: EventWriter;
  readonly #metrics: string;
  readonly #checkpoints: Checkpoints;

  private constructor(path: string) {
    this.path = path;
    this.#metrics = join(path, "metrics.jsonl");
    this.#checkpoints = new Checkpoints(join(path, "checkpoints"));
    this.#events = new EventWriter(path);
  }

  /** Starts a run; an error when the folder already holds one. */
  static create(path: string, config: unknown): RunFolder {
    if (existsSync(join(path, "config.json"))) {
      throw new Error(`${path} already holds a run; go on with it by --resume, or choose another folder`);
    }
    for (const folder of ["samples", "checkpoints"]) makeFolder(join(path, folder));
    writeFileAtomic(join(path, "config.json"), `${JSON.stringify(config, undefined, 2)}\n`);
    return new RunFolder(path);
  }

  /** Goes on with a run; an error when there is none, or when its configuration was another one. */
  static resume(path: string, config: unknown): RunFolder {
    const file = join(path, "config.json");
    if (!existsSync(file)) throw new Error(`${path} holds no run to go on with (config.json is missing)`);
    const differing = differences(readJson(file), config);
    if (differing.length > 0) {
      throw new Error(
        `${path} was started with other settings: ${oneLine(differing.join("; "))}. Give the same ones to go on`,
      );
    }
    const run = new RunFolder(path);
    run.#checkpoints.tidyUp();
    return run;
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

  /** Saves everything that a later start needs to go on exactly; keeps the newest `keep` checkpoints, and the best. */
  async save(
    place: Place & { badness?: number | undefined },
    parts: Record<string, Stateful>,
    options: { keep: number },
  ): Promise<void> {
    await this.#checkpoints.save(place, parts, options);
    this.#events.flush();
  }

  /**
   * Puts everything back as it was at the newest checkpoint that is whole, and gives the place to go on from; nothing without
   * one. Damaged ones are told.
   * @throws Error when there are checkpoints, but no whole one
   */
  restore(parts: Record<string, Stateful>, onNotice?: (text: string) => unknown): Place | undefined {
    const { place, damages } = this.#checkpoints.restore(parts);
    if (!place) return undefined;
    for (const damage of damages) {
      const notice = `${damage}; going on from checkpoint ${place.step}`;
      this.note(notice);
      onNotice?.(notice);
    }
    this.#forgetAfter(place.step);
    this.#events.restart(place.step);
    return place;
  }

  /** Appends a line to `log.txt`, with the time: what happens between steps. */
  note(text: string): void {
    appendFileSync(join(this.path, "log.txt"), `${new Date().toISOString()} ${text}\n`);
  }

  close(): void {
    this.#events.close();
  }

  /** Lines that were logged after the checkpoint will come again. Those that a crash left in pieces are of no use. */
  #forgetAfter(step: number): void {
    if (!existsSync(this.#metrics)) return;
    const lines = readFileSync(this.#metrics, "utf8").split("\n");
    const kept = lines.filter((line) => (stepOf(line) ?? Infinity) < step);
    if (kept.length < lines.length - 1 || lines.at(-1) !== "") {
      writeFileAtomic(this.#metrics, kept.map((line) => `${line}\n`).join(""));
    }
  }
}

/** The step that a line of `metrics.jsonl` is of. */
function stepOf(line: string): number | undefined {
  try {
    const parsed: unknown = JSON.parse(line);
    return isRecord(parsed) && typeof parsed["step"] === "number" ? parsed["step"] : undefined;
  } catch {
    return undefined;
  }
}

/** Where two settings differ: `lr was 0.001, is 0.01`. How often to write, what to keep, what to do when it goes wrong and where to compute may change. */
function differences(saved: unknown, now: unknown, path = ""): string[] {
  if (isRecord(saved) && isRecord(now)) {
    const keys = new Set([...Object.keys(saved), ...Object.keys(now)]);
    return [...keys]
      .filter(
        (key) =>
          !["sample_every", "checkpoint_every", "keep_checkpoints", "retries", "explode", "device"].includes(key),
      )
      .flatMap((key) => differences(saved[key], now[key], path ? `${path}.${key}` : key));
  }
  const [before, after] = [JSON.stringify(saved), JSON.stringify(now)];
  return before === after ? [] : [`${path} was ${before}, is ${after}`];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
