import { anyProcess, broadcastInPlace, group, isFirst, meansOverProcesses } from "../distributed/group.ts";
import { StepError } from "../optim/step-error.ts";
import { tidy } from "../tensor/scope.ts";
import { Tensor, type Device } from "../tensor/tensor.ts";
import type { Place, Stateful } from "./checkpoints.ts";
import { RunFolder, type Metrics } from "./run-folder.ts";

/** A picture for `samples/`. */
export type Sample = { name: string; png: Uint8Array; width: number; height: number };

/** One kind of training: what a step does, and what has to be saved. The loop does the rest. */
export type Stage = {
  readonly name: string;
  readonly batchSize: number;
  readonly device: Device;
  /** Everything that changes from step to step. */
  readonly parts: Record<string, Stateful>;
  /**
   * Reads what a step at this position needs, where it does not lie in memory, and begins with the next ones.
   */
  load?(position: number): Promise<void>;
  /**
   * Does step number `step` (from 0) and gives its numbers; `loss`, `lr` and `grad_norm` among them.
   * @param position which batch, and which random numbers; by default those that have the step's number
   * @throws StepError, with nothing applied, when the numbers go wrong
   */
  step(step: number, position?: number): Metrics;
  /** Pictures that show how far the training is; with fixed seeds, so that they can be compared. */
  samples?(step: number): Promise<Sample[]>;
  /** How good a step was, to find the best checkpoint by: the less, the better. Default: its loss. */
  badness?(metrics: Metrics): number;
  /** Names of the pictures in a batch, to tell what went wrong. */
  batchNames?(position: number): string[];
};

export type LoopOptions = {
  folder: string;
  /** What `config.json` says. */
  config: unknown;
  resume?: boolean;
  steps: number;
  sampleEvery: number;
  checkpointEvery: number;
  keepCheckpoints: number;
  /** How often the run may go back to one checkpoint when its numbers go wrong. Default 0. */
  retries?: number;
  /** Told of every step. */
  onProgress?: (progress: Progress) => void;
  /** Told of what is out of the ordinary: a damaged checkpoint, a run that goes back. */
  onNotice?: (text: string) => unknown;
  /** When it is aborted, in any of the processes, the run is saved and the loop ends. */
  signal?: AbortSignal | undefined;
};

export type Progress = {
  stage: string;
  /** Steps done, and to do in all. */
  step: number;
  steps: number;
  metrics: Metrics;
  picturesPerSecond: number;
  secondsLeft: number;
};

/** The rate is that of the last steps: the first ones, in which libtorch plans its kernels, do not count for long. */
const RATE_STEPS = 50;
/** Of a batch that went wrong, so many pictures are named. */
const NAMED = 5;

/**
 * Runs a stage to its last step: logs, samples, saves, goes on where it stopped. 100 steps give the same weights as
 * 50, a stop, and 50. Returns how many steps are done: fewer than asked when the signal was aborted.
 * Of several processes the first one has the folder, and the others take from it what they go on with.
 * @throws Error when the numbers go wrong more often than `retries` allows; the last checkpoint stays
 */
export async function runStage(stage: Stage, options: LoopOptions): Promise<number> {
  const run = isFirst() ? openFolder(options) : undefined;
  const times: number[] = [performance.now()];
  try {
    let at = goOn(stage, run, options);
    run?.note(`${stage.name}: from step ${at.step} to ${options.steps}${processes()}`);
    let [saved, badness, returns] = [at.step, new Mean(), 0];
    const save = async (): Promise<void> => {
      await run?.save({ ...at, badness: badness.value }, stage.parts, { keep: options.keepCheckpoints });
      [saved, badness, returns] = [at.step, new Mean(), 0];
    };
    // Saving before the first step finds a full disk now, and not after an hour.
    if (at.step === 0) await save();
    while (at.step < options.steps && !anyProcess(options.signal?.aborted ?? false, stage.device)) {
      const { step, position } = at;
      await stage.load?.(position);
      let metrics: Metrics;
      try {
        metrics = meansOverProcesses(stage.step(step, position), stage.device);
      } catch (error) {
        if (!(error instanceof StepError)) throw error;
        const wrong = `step ${step} went wrong: ${error.message}${batchOf(stage, position)}`;
        if (returns === (options.retries ?? 0)) throw new Error(givenUp(wrong, saved, returns), { cause: error });
        returns += 1;
        const { step: back } = goOn(stage, run, { ...options, resume: true });
        at = { step: back, position: position + 1 };
        badness = new Mean();
        const notice = `${wrong}; back to checkpoint ${back}, and on with other pictures`;
        run?.note(notice);
        options.onNotice?.(notice);
        continue;
      }
      run?.log(step, metrics);
      badness.add(stage.badness?.(metrics) ?? metrics["loss"] ?? Number.NaN);
      at = { step: step + 1, position: position + 1 };
      times.push(performance.now());
      if (times.length > RATE_STEPS) times.shift();
      options.onProgress?.({
        stage: stage.name,
        step: at.step,
        steps: options.steps,
        metrics,
        ...rates(times, stage, options, at.step),
      });
      const last = at.step === options.steps;
      if (run && stage.samples && (last || at.step % options.sampleEvery === 0)) {
        for (const sample of await stage.samples(at.step)) run.image(sample.name, at.step, sample);
      }
      if (at.step % options.checkpointEvery === 0) await save();
      // Lets signals in.
      await new Promise((resume) => setImmediate(resume));
    }
    if (saved !== at.step) await save();
    run?.note(at.step === options.steps ? "finished" : `stopped after step ${at.step}`);
    return at.step;
  } catch (error) {
    run?.note(error instanceof Error ? error.message : String(error));
    throw error;
  } finally {
    run?.close();
  }
}

function openFolder({ folder, config, resume }: LoopOptions): RunFolder {
  return resume ? RunFolder.resume(folder, config) : RunFolder.create(folder, config);
}

/** Everything as the newest checkpoint has it, or as it begins. */
function goOn(stage: Stage, run: RunFolder | undefined, { resume, onNotice }: LoopOptions): Place {
  const found = resume ? run?.restore(stage.parts, onNotice) : undefined;
  if (group().size === 1) return found ?? { step: 0, position: 0 };
  return tidy(() => {
    for (const part of Object.values(stage.parts)) {
      const state = part.stateDict();
      for (const tensor of state.values()) broadcastInPlace(tensor, stage.device);
      part.loadStateDict(state);
    }
    const place = Tensor.from([found?.step ?? 0, found?.position ?? 0], [2], "int64");
    broadcastInPlace(place, stage.device);
    const [step = 0, position = 0] = place.toNumbers();
    return { step, position };
  });
}

/** A mean of numbers as they come. */
class Mean {
  #sum = 0;
  #count = 0;

  add(value: number): void {
    this.#sum += value;
    this.#count += 1;
  }

  /** Undefined as long as there is nothing to take it of. */
  get value(): number | undefined {
    return this.#count === 0 ? undefined : this.#sum / this.#count;
  }
}

function processes(): string {
  const { size } = group();
  return size === 1 ? "" : `, ${size} processes`;
}

function batchOf(stage: Stage, position: number): string {
  const names = stage.batchNames?.(position) ?? [];
  if (names.length === 0) return "";
  const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : "";
  return ` (batch ${position}: ${names.slice(0, NAMED).join(", ")}${more})`;
}

function givenUp(wrong: string, saved: number, returns: number): string {
  const before = returns === 0 ? "" : `, after going back ${returns} times`;
  return `${wrong}${before}. The last good state is checkpoint ${saved}. A smaller learning rate, or float32, usually helps`;
}

function rates(
  times: readonly number[],
  stage: Stage,
  options: LoopOptions,
  step: number,
): Pick<Progress, "picturesPerSecond" | "secondsLeft"> {
  const seconds = ((times.at(-1) ?? 0) - (times[0] ?? 0)) / 1000 / Math.max(1, times.length - 1);
  return { picturesPerSecond: stage.batchSize / seconds, secondsLeft: (options.steps - step) * seconds };
}
