import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { tinyStages, type TinyStage } from "../../test/tiny-stages.ts";
import { bytesOf, temporaryFolder, tinyEncoded } from "../../test/tiny.ts";
import { toDisk } from "../config.ts";
import { setThreadCount } from "../tensor/engine.ts";
import { tidy } from "../tensor/scope.ts";
import { runStage, type LoopOptions, type Stage } from "./loop.ts";
import { RunFolder } from "./run-folder.ts";

// Networks this small lose more time to waiting for other threads than they gain.
setThreadCount(1);

const STEPS = 12;
const stages = tinyStages(await tinyEncoded(), STEPS);
const longStages = tinyStages(await tinyEncoded(), 100);
const names = Object.keys(stages);
const folder = temporaryFolder();
let runs = 0;
const newFolder = (): string => join(folder, String((runs += 1)));

const named = (name: string, from = stages): TinyStage => {
  const stage = from[name];
  if (!stage) throw new Error(`no stage ${name}`);
  return stage;
};

const run = (
  stage: Stage,
  { config }: TinyStage,
  options: Partial<LoopOptions> & Pick<LoopOptions, "folder">,
): Promise<number> =>
  runStage(stage, {
    config: toDisk(config),
    steps: STEPS,
    sampleEvery: 5,
    checkpointEvery: 5,
    keepCheckpoints: 2,
    ...options,
  });

/** Every byte that a checkpoint would hold. */
const everything = (stage: Stage): Record<string, unknown> =>
  tidy(() => Object.fromEntries(Object.entries(stage.parts).map(([name, part]) => [name, bytesOf(part.stateDict())])));

/** All but the time. */
const metricsOf = (path: string): unknown[] =>
  readFileSync(join(path, "metrics.jsonl"), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line.replace(/,"time":[\d.]+/, "")));

const checkpointsOf = (path: string): string[] => readdirSync(join(path, "checkpoints")).toSorted();

/** What a stage saves beside its model, the model's average, and the optimizer. */
const own: Record<string, string[]> = {
  vqgan: ["codes", "discriminator", "disc_optimizer", "lecam"],
  "gpt with a CLIP that learns along": ["clip"],
};

type Whole = { path: string; state: Record<string, unknown>; metrics: unknown[] };
const whole = new Map<string, Whole>();

/** The run without a stop, which all others have to equal. */
const uninterrupted = (name: string): Whole => {
  const found = whole.get(name);
  if (!found) throw new Error(`${name} has not run`);
  return found;
};

describe.each(names)("training %s", (name) => {
  beforeAll(async () => {
    const tiny = named(name);
    const path = newFolder();
    const stage = tiny.make(1);
    expect(await run(stage, tiny, { folder: path })).toBe(STEPS);
    whole.set(name, { path, state: everything(stage), metrics: metricsOf(path) });
  });

  test("leaves a folder with everything in it", () => {
    const { path, metrics } = uninterrupted(name);
    expect(JSON.parse(readFileSync(join(path, "config.json"), "utf8"))).toEqual(toDisk(named(name).config));
    expect(metrics.map((line) => Object(line).step)).toEqual(Array.from({ length: STEPS }, (_, step) => step));
    expect(metrics[4]).toMatchObject({ loss: expect.any(Number), lr: expect.any(Number) });
    expect(readdirSync(path).filter((file) => file.startsWith("events.out.tfevents."))).toHaveLength(1);
    expect(checkpointsOf(path)).toEqual(["step-0000010", "step-0000012"]);
    const parts = ["ema", "model", "optimizer", ...(own[name] ?? [])].map((part) => `${part}.safetensors`);
    const files = readdirSync(join(path, "checkpoints", "step-0000012"));
    expect(files.toSorted()).toEqual([...parts, "state.json"].toSorted());
    const sample = name === "vqgan" ? "reconstruction" : "drawn";
    const pictures = name.startsWith("clip")
      ? []
      : [5, 10, 12].map((step) => `${sample}-step-00000${String(step).padStart(2, "0")}.png`);
    expect(readdirSync(join(path, "samples")).toSorted()).toEqual(pictures);
  });

  test("12 steps equal 6, a stop, and 6, bit for bit", async () => {
    const tiny = named(name);
    const path = newFolder();
    const controller = new AbortController();
    const stopped = await run(tiny.make(1), tiny, {
      folder: path,
      signal: controller.signal,
      onProgress: ({ step }) => {
        if (step === 6) controller.abort();
      },
    });
    expect(stopped).toBe(6);
    expect(checkpointsOf(path).at(-1)).toBe("step-0000006");
    const later = tiny.make(99); // a new process starts from other weights
    expect(await run(later, tiny, { folder: path, resume: true })).toBe(STEPS);
    expect(everything(later)).toEqual(uninterrupted(name).state);
    expect(metricsOf(path)).toEqual(uninterrupted(name).metrics);
  });

  test("100 steps equal 50, a stop, and 50, bit for bit", async () => {
    const tiny = named(name, longStages);
    const options = { steps: 100, checkpointEvery: 100, sampleEvery: 100 };
    const path = newFolder();
    const straight = tiny.make(1);
    expect(await run(straight, tiny, { ...options, folder: path })).toBe(100);
    const stopped = newFolder();
    const controller = new AbortController();
    const onProgress: LoopOptions["onProgress"] = ({ step }) => {
      if (step === 50) controller.abort();
    };
    const first = run(tiny.make(1), tiny, { ...options, folder: stopped, signal: controller.signal, onProgress });
    expect(await first).toBe(50);
    const later = tiny.make(99);
    expect(await run(later, tiny, { ...options, folder: stopped, resume: true })).toBe(100);
    expect(everything(later)).toEqual(everything(straight));
    expect(metricsOf(stopped)).toEqual(metricsOf(path));
  });

  test("12 steps equal 8, a crash, and 7 from the last checkpoint on", async () => {
    const tiny = named(name);
    const path = newFolder();
    const stage = tiny.make(1);
    const crashing: Stage = {
      ...stage,
      step: (step) => {
        if (step === 8) throw new Error("the power is gone");
        return stage.step(step);
      },
    };
    await expect(run(crashing, tiny, { folder: path })).rejects.toThrow("the power is gone");
    expect(metricsOf(path)).toHaveLength(8);
    appendFileSync(join(path, "metrics.jsonl"), '{"step":8,"lo');
    const later = tiny.make(99);
    await run(later, tiny, { folder: path, resume: true });
    expect(everything(later)).toEqual(uninterrupted(name).state);
    expect(metricsOf(path)).toEqual(uninterrupted(name).metrics);
  });

  test("a loss that is no number stops it, and the last checkpoint is as good as before", async () => {
    const tiny = named(name);
    const path = newFolder();
    const stage = tiny.make(1);
    const spoilt: Stage = {
      ...stage,
      step: (step) => {
        if (step === 7)
          tidy(() => stage.parts["model"]?.stateDict().forEach((weights) => weights.detach().fill_(Number.NaN)));
        return stage.step(step);
      },
    };
    const message = `the loss of step 7 is NaN; the last good state is checkpoint 5 in ${path}`;
    await expect(run(spoilt, tiny, { folder: path })).rejects.toThrow(message);
    expect(metricsOf(path)).toHaveLength(7);
    expect(checkpointsOf(path).at(-1)).toBe("step-0000005");
    const later = tiny.make(99);
    await run(later, tiny, { folder: path, resume: true });
    expect(everything(later)).toEqual(uninterrupted(name).state);
  });
});

describe("the loop", () => {
  const tiny = named("clip");

  test("a finished run that is resumed has nothing to do and stays as it is", async () => {
    const { path, state, metrics } = uninterrupted("clip");
    const stage = tiny.make(99);
    expect(await run(stage, tiny, { folder: path, resume: true })).toBe(STEPS);
    expect(everything(stage)).toEqual(state);
    expect(metricsOf(path)).toEqual(metrics);
  });

  test("a gradient that is no number never reaches a checkpoint", async () => {
    const path = newFolder();
    const stage = tiny.make(1);
    const spoilt: Stage = {
      ...stage,
      step: (step) => ({ ...stage.step(step), ...(step === 4 && { grad_norm: Infinity }) }),
    };
    await expect(run(spoilt, tiny, { folder: path })).rejects.toThrow(
      "the gradient norm of step 4 is Infinity; the last good state is checkpoint 0",
    );
    expect(checkpointsOf(path)).toEqual(["step-0000000"]);
  });

  test("a run that was stopped before its first step can be resumed", async () => {
    const path = newFolder();
    expect(await run(tiny.make(1), tiny, { folder: path, signal: AbortSignal.abort() })).toBe(0);
    const later = tiny.make(99);
    await run(later, tiny, { folder: path, resume: true });
    expect(everything(later)).toEqual(uninterrupted("clip").state);
  });

  test("tells the rate and the time that is left", async () => {
    const seen: number[] = [];
    await run(tiny.make(1), tiny, {
      folder: newFolder(),
      onProgress: ({ stage, step, steps, picturesPerSecond, secondsLeft }) => {
        expect([stage, steps]).toEqual(["clip", STEPS]);
        expect(picturesPerSecond).toBeGreaterThan(0);
        expect(secondsLeft > 0).toBe(step < STEPS);
        seen.push(step);
      },
    });
    expect(seen).toEqual(Array.from({ length: STEPS }, (_, i) => i + 1));
  });

  test("every setting that differs on resume is named; how often to save may change", async () => {
    const { path } = uninterrupted("clip");
    const changed = (changes: object): Promise<number> =>
      run(tiny.make(1), { ...tiny, config: { ...tiny.config, ...changes } }, { folder: path, resume: true });
    await expect(changed({ lr: 0.5, betas: [0.5, 0.5] })).rejects.toThrow(
      "was started with other settings: lr was 0.002, is 0.5; betas was [0.9,0.98], is [0.5,0.5]",
    );
    await expect(changed({ extra: { deep: 1 } })).rejects.toThrow('extra was undefined, is {"deep":1}');
    expect(await changed({ sampleEvery: 7, checkpointEvery: 9, keepCheckpoints: 1 })).toBe(STEPS);
  });

  test("a folder with a run is not started anew, and one without a run is not resumed", async () => {
    const { path, metrics } = uninterrupted("clip");
    await expect(run(tiny.make(1), tiny, { folder: path })).rejects.toThrow(`${path} already holds a run`);
    expect(metricsOf(path)).toEqual(metrics);
    const empty = newFolder();
    await expect(run(tiny.make(1), tiny, { folder: empty, resume: true })).rejects.toThrow(
      "holds no run to go on with",
    );
    expect(existsSync(empty)).toBe(false);
  });
});

describe("the folder of a run", () => {
  const stage = named("clip").make(1);
  const options = { device: "cpu", keep: 1 } as const;

  test("the newest checkpoint is that of the highest step, with eight digits too", async () => {
    const folderOfRun = RunFolder.create(newFolder(), {});
    await folderOfRun.save(9_999_999, stage.parts, options);
    await folderOfRun.save(10_000_000, stage.parts, options);
    expect(folderOfRun.latestCheckpoint()?.step).toBe(10_000_000);
    expect(checkpointsOf(folderOfRun.path)).toEqual(["step-10000000"]);
    folderOfRun.close();
  });

  test("damaged files are named, and leftovers of a crash are no checkpoints", async () => {
    const folderOfRun = RunFolder.create(newFolder(), { lr: 1 });
    await folderOfRun.save(3, stage.parts, options);
    folderOfRun.close();
    const state = join(folderOfRun.path, "checkpoints", "step-0000003", "state.json");
    writeFileSync(join(folderOfRun.path, "checkpoints", ".tmp-1234"), "half");
    expect(folderOfRun.latestCheckpoint()?.step).toBe(3);
    writeFileSync(state, '{"step":3');
    expect(() => folderOfRun.restore(stage.parts, stage)).toThrow(`${state} is damaged`);
    writeFileSync(state, '{"step":3}');
    expect(() => folderOfRun.restore(stage.parts, stage)).toThrow(`${state} has no random_state`);
    rmSync(join(folderOfRun.path, "checkpoints"), { recursive: true });
    expect(folderOfRun.latestCheckpoint()).toBeUndefined();
    writeFileSync(join(folderOfRun.path, "config.json"), "{");
    expect(() => RunFolder.resume(folderOfRun.path, {})).toThrow("config.json is damaged");
  });

  test("a checkpoint of other networks is refused", async () => {
    const folderOfRun = RunFolder.create(newFolder(), {});
    await folderOfRun.save(1, stage.parts, options);
    const { model } = named("gpt").make(1).parts;
    if (!model) throw new Error("the stage has no model");
    expect(() => folderOfRun.restore({ model }, stage)).toThrow("these weights do not fit this Gpt");
    folderOfRun.close();
  });
});
