import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { tinyStages, type TinyStage } from "../../test/tiny-stages.ts";
import { bytesOf, temporaryFolder, tinyEncoded } from "../../test/tiny.ts";
import { toDisk } from "../config.ts";
import { Adam } from "../optim/adam.ts";
import { StepError } from "../optim/step-error.ts";
import { setThreadCount } from "../tensor/engine.ts";
import { Parameter } from "../tensor/parameter.ts";
import { tidy } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { LossGuard } from "./guard.ts";
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
const tokenizer = ["codes", "discriminator", "disc_optimizer", "lecam"];
const own: Record<string, string[]> = {
  vqgan: tokenizer,
  "vqgan, of pictures that stay where they are": tokenizer,
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
    expect(checkpointsOf(path).slice(-2)).toEqual(["step-0000010", "step-0000012"]);
    const parts = ["ema", "model", "optimizer", ...(own[name] ?? [])].map((part) => `${part}.safetensors`);
    const files = readdirSync(join(path, "checkpoints", "step-0000012"));
    expect(files.toSorted()).toEqual([...parts, "state.json"].toSorted());
    const sample = name.startsWith("vqgan") ? "reconstruction" : "drawn";
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
    const message = /^step 7 went wrong: the loss is NaN \(batch 7: .+\)\. The last good state is checkpoint 5\./;
    await expect(run(spoilt, tiny, { folder: path })).rejects.toThrow(message);
    expect(readFileSync(join(path, "log.txt"), "utf8")).toMatch("step 7 went wrong: the loss is NaN");
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

  test("a gradient that is no number is named, and the step is not taken", async () => {
    const weights = new Map(["a", "b", "c"].map((name) => [name, new Parameter(Tensor.from([1, 2]))]));
    const optimizer = new Adam(weights);
    for (const [name, parameter] of weights) parameter.grad = Tensor.from([1, name === "a" ? 1 : Number.NaN]);
    expect(() => optimizer.step(1)).toThrow(
      new StepError("the gradient of b is not finite, nor are those of 1 others"),
    );
    expect(Array.from(weights.values(), (parameter) => parameter.toNumbers())).toEqual([
      [1, 2],
      [1, 2],
      [1, 2],
    ]);
    expect(optimizer.stateDict().get("step")?.item()).toBe(0);
  });

  test("a loss that explodes is seen before its step", () => {
    const guard = new LossGuard({ explode: 100 });
    guard.check(1000);
    for (let i = 0; i < 30; i += 1) guard.check(1 + i / 100);
    guard.check(50);
    expect(() => guard.check(-200)).toThrow("the loss is -200.0, after a median of 1.160");
    expect(() => new LossGuard({ explode: 0 }).check(Infinity)).toThrow("the loss is Infinity");
  });

  test("a run whose numbers go wrong goes back, and on with other pictures", async () => {
    const path = newFolder();
    const stage = tiny.make(1);
    const taken: [step: number, position: number | undefined][] = [];
    const notices: string[] = [];
    const spoilt: Stage = {
      ...stage,
      step: (step, position) => {
        taken.push([step, position]);
        if (position === 7) throw new StepError("the loss is NaN");
        return stage.step(step, position);
      },
    };
    const onNotice = (text: string): unknown => notices.push(text);
    expect(await run(spoilt, tiny, { folder: path, retries: 1, onNotice })).toBe(STEPS);
    expect(taken.slice(5, 10)).toEqual([
      [5, 5],
      [6, 6],
      [7, 7],
      [5, 8],
      [6, 9],
    ]);
    expect(notices).toEqual([expect.stringMatching(/^step 7 .*; back to checkpoint 5, and on with other pictures$/)]);
    expect(metricsOf(path).map((line) => Object(line).step)).toEqual(Array.from({ length: STEPS }, (_, step) => step));
    const state = JSON.parse(readFileSync(join(path, "checkpoints", "step-0000012", "state.json"), "utf8"));
    expect(state).toMatchObject({ step: 12, position: 15 });
    const always: Stage = {
      ...stage,
      step: () => {
        throw new StepError("the loss is NaN");
      },
    };
    await expect(run(always, tiny, { folder: newFolder(), retries: 2 })).rejects.toThrow("after going back 2 times");
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

const at = (step: number, badness?: number): { step: number; position: number; badness: number | undefined } => ({
  step,
  position: step,
  badness,
});

describe("the folder of a run", () => {
  const stage = named("clip").make(1);
  const options = { keep: 1 };

  test("the newest checkpoint is that of the highest step, with eight digits too", async () => {
    const folderOfRun = RunFolder.create(newFolder(), {});
    await folderOfRun.save(at(9_999_999), stage.parts, options);
    await folderOfRun.save(at(10_000_000), stage.parts, options);
    expect(folderOfRun.restore(stage.parts)).toEqual({ step: 10_000_000, position: 10_000_000 });
    expect(checkpointsOf(folderOfRun.path)).toEqual(["step-10000000"]);
    folderOfRun.close();
  });

  test("the best checkpoint stays beside the newest ones", async () => {
    const folderOfRun = RunFolder.create(newFolder(), {});
    for (const [step, badness] of [
      [1, 3],
      [2, 1],
      [3, 2],
      [4, 5],
    ] as const) {
      await folderOfRun.save(at(step, badness), stage.parts, options);
    }
    expect(checkpointsOf(folderOfRun.path)).toEqual(["step-0000002", "step-0000004"]);
    folderOfRun.close();
  });

  test("where the newest checkpoint is damaged, the last good one is taken, and that is told", async () => {
    const folderOfRun = RunFolder.create(newFolder(), {});
    for (const step of [1, 2, 3]) await folderOfRun.save(at(step), stage.parts, { keep: 3 });
    const pathOf = (step: number, file: string): string =>
      join(folderOfRun.path, "checkpoints", `step-000000${step}`, file);
    const bytes = readFileSync(pathOf(3, "optimizer.safetensors"));
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 5) ^ 1, bytes.length - 5);
    writeFileSync(pathOf(3, "optimizer.safetensors"), bytes);
    rmSync(pathOf(2, "model.safetensors"));
    const notices: string[] = [];
    expect(folderOfRun.restore(stage.parts, (text) => notices.push(text))).toEqual({ step: 1, position: 1 });
    expect(notices).toEqual([
      "checkpoint 3 is damaged (optimizer.safetensors has another checksum); going on from checkpoint 1",
      "checkpoint 2 is damaged (model.safetensors is missing); going on from checkpoint 1",
    ]);
    expect(readFileSync(join(folderOfRun.path, "log.txt"), "utf8")).toContain(notices[0]);
    folderOfRun.close();
  });

  test("damaged files are named, and leftovers of a crash go away", async () => {
    const folderOfRun = RunFolder.create(newFolder(), { lr: 1 });
    await folderOfRun.save(at(3), stage.parts, options);
    folderOfRun.close();
    const state = join(folderOfRun.path, "checkpoints", "step-0000003", "state.json");
    writeFileSync(join(folderOfRun.path, "checkpoints", ".tmp-1234"), "half");
    RunFolder.resume(folderOfRun.path, { lr: 1 }).close();
    expect(checkpointsOf(folderOfRun.path)).toEqual(["step-0000003"]);
    writeFileSync(state, '{"step":3');
    expect(() => folderOfRun.restore(stage.parts)).toThrow(/has no whole checkpoint .*state\.json is no JSON/);
    writeFileSync(state, "{}");
    expect(() => folderOfRun.restore(stage.parts)).toThrow("state.json: step: Invalid input");
    rmSync(join(folderOfRun.path, "checkpoints"), { recursive: true });
    expect(folderOfRun.restore(stage.parts)).toBeUndefined();
    writeFileSync(join(folderOfRun.path, "config.json"), "{");
    expect(() => RunFolder.resume(folderOfRun.path, {})).toThrow("config.json is no JSON");
  });

  test("a checkpoint of other networks is refused", async () => {
    const folderOfRun = RunFolder.create(newFolder(), {});
    await folderOfRun.save(at(1), stage.parts, options);
    const { model } = named("gpt").make(1).parts;
    if (!model) throw new Error("the stage has no model");
    expect(() => folderOfRun.restore({ model })).toThrow("these weights do not fit this Gpt");
    folderOfRun.close();
  });
});
