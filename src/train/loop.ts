import type { Device } from "../tensor/tensor.ts";
import { RunFolder, type Metrics, type Stateful } from "./run-folder.ts";

/** A picture for `samples/`. */
export type Sample = { name: string; png: Uint8Array; width: number; height: number };

/** One kind of training: what a step does, and what has to be saved. The loop does the rest. */
export type Stage = {
  readonly name: string;
  readonly batchSize: number;
  readonly device: Device;
  /** Everything that changes from step to step. */
  readonly parts: Record<string, Stateful>;
  /** Does step number `step` (from 0) and gives its numbers; `loss`, `lr` and `grad_norm` among them. */
  step(step: number): Metrics;
  /** Pictures that show how far the training is; with fixed seeds, so that they can be compared. */
  samples?(step: number): Promise<Sample[]>;
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
  /** Told of every step. */
  onProgress?: (progress: Progress) => void;
  /** When it is aborted, the run is saved and the loop ends. */
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

/**
 * Runs a stage to its last step: logs, samples, saves, goes on where it stopped. 100 steps give the same weights as
 * 50, a stop, and 50. Returns how many steps are done: fewer than asked when the signal was aborted.
 * @throws Error when the loss or the gradient is no longer finite; the last checkpoint stays
 */
export async function runStage(stage: Stage, options: LoopOptions): Promise<number> {
  const run = options.resume
    ? RunFolder.resume(options.folder, options.config)
    : RunFolder.create(options.folder, options.config);
  const save = (step: number): Promise<void> =>
    run.save(step, stage.parts, { device: stage.device, keep: options.keepCheckpoints });
  try {
    let step = options.resume ? run.restore(stage.parts, stage) : 0;
    // Saving before the first step finds a full disk now, and not after an hour.
    if (step === 0) await save(0);
    let saved = step;
    const times: number[] = [performance.now()];
    while (step < options.steps && !options.signal?.aborted) {
      const metrics = stage.step(step);
      // A step with a finite loss can already have spoilt the weights: its gradient must not reach a checkpoint either.
      for (const [name, value] of Object.entries({
        loss: metrics["loss"],
        "gradient norm": metrics["grad_norm"] ?? 0,
      })) {
        if (Number.isFinite(value)) continue;
        throw new Error(
          `the ${name} of step ${step} is ${value}; the last good state is checkpoint ${saved} in ${run.path}. ` +
            "A smaller learning rate, or float32, usually helps",
        );
      }
      run.log(step, metrics);
      step += 1;
      times.push(performance.now());
      if (times.length > RATE_STEPS) times.shift();
      options.onProgress?.({
        stage: stage.name,
        step,
        steps: options.steps,
        metrics,
        ...rates(times, stage, options, step),
      });
      const last = step === options.steps;
      if (stage.samples && (last || step % options.sampleEvery === 0)) {
        for (const sample of await stage.samples(step)) run.image(sample.name, step, sample);
      }
      if (step % options.checkpointEvery === 0) {
        await save(step);
        saved = step;
      }
      // Lets signals in.
      await new Promise((resume) => setImmediate(resume));
    }
    if (saved !== step) await save(step);
    return step;
  } finally {
    run.close();
  }
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
