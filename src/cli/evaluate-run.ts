import { existsSync, mkdirSync } from "node:fs";
import { basename, dirname } from "node:path";
import { findPairs, findPictures, readPictures, streamFiles, type PictureFile } from "../data/pictures.ts";
import type { DrawFrom } from "../evaluate/subjects.ts";
import type { PictureStream } from "../data/picture-stream.ts";
import { optimizingDrawer, retrievingDrawer, type Drawer } from "../evaluate/drawers.ts";
import { evaluate } from "../evaluate/evaluate.ts";
import { reportJson, sectionsOf, type ReportAbout } from "../report/evaluation-about.ts";
import { writeReport } from "../report/write-evaluation.ts";
import type { DrawEachSettings } from "../generate/draw-each.ts";
import { ClipGen } from "../generate/pipeline.ts";
import { Lpips } from "../models/lpips.ts";
import { parseDevice } from "../tensor/engine.ts";
import { UserError } from "./errors.ts";
import type { EvaluateFlags } from "./evaluate.ts";
import { figureTable } from "./figure-table.ts";
import { interruptSignal } from "./interrupt.ts";
import { readJudges } from "./judges.ts";
import { numberFlag } from "./number-flag.ts";
import { countPrinter } from "./progress.ts";
import { readPrompts, some } from "./prompts.ts";
import { samplingSettings } from "./sampling-flags.ts";
import { reportSkipped } from "./training.ts";

export async function runEvaluate(flags: EvaluateFlags): Promise<void> {
  if (existsSync(flags.output)) throw new UserError(`${flags.output} exists already; choose another --output`);
  const settings = drawSettings(flags);
  const limit = flags.limit === undefined ? Infinity : numberFlag("--limit", flags.limit, { least: 1, whole: true });
  const prompts = flags.prompts === undefined ? undefined : some(readPrompts(flags.prompts), limit);
  const from = drawFrom(flags, prompts);
  const files = some(await picturesOf(flags.data, from), limit);
  const training = flags.training && (await findPictures(flags.training));

  const device = parseDevice(flags.device);
  const model = await ClipGen.fromPretrained(flags.model, { device, precision: flags.precision, thread: "main" });
  const { judge, inception } = await readJudges(flags, device);
  const lpips = flags.lpips === undefined ? undefined : Lpips.fromFile(flags.lpips).to(device).eval();

  const size = model.vqgan.config.resolution;
  const pictures = await readPictures(files, { size });
  if (!flags.json) reportSkipped(pictures);
  const reference = flags.reference && (await readPictures(await findPairs(flags.reference), { size }));
  const about: ReportAbout = {
    model: model.name,
    data: flags.data,
    from: prompts ? basename(flags.prompts ?? "") : (flags.rephrase ?? flags.from),
    method: flags.method,
    settings,
    judge: flags.judge,
    inception: flags.inception,
    lpips: flags.lpips,
    reference: flags.reference,
    training: flags.training,
  };
  const { signal, done } = interruptSignal("stopping; nothing has been written");
  try {
    const evaluation = await evaluate(model, {
      pictures,
      from,
      draw: settings,
      drawer: drawerOf(model, { flags, settings, training: training && streamFiles(training, { size }) }),
      judge,
      inception,
      lpips,
      reference,
      training: training && streamFiles(training, { size }),
      signal,
      ...(!flags.json && { onProgress: progressPrinter() }),
    });
    mkdirSync(dirname(flags.output), { recursive: true });
    await writeReport(flags.output, evaluation, { ...about, signal });
    if (flags.json) console.log(JSON.stringify(reportJson(evaluation, about), undefined, 2));
    else console.log(`${figureTable(sectionsOf(evaluation))}\n\nfinished: ${flags.output}/index.html`);
  } finally {
    done();
  }
}

function drawFrom({ from, rephrase }: EvaluateFlags, prompts: string[] | undefined): DrawFrom {
  const given = [prompts && "--prompts", rephrase && "--rephrase", from === "pictures" && "--from pictures"].filter(
    Boolean,
  );
  if (given.length > 1) throw new UserError(`${given.join(" and ")} do not go together: give one of them`);
  if (prompts) return { prompts };
  return rephrase ? { rephrased: rephrase } : from;
}

/** What draws, where it is not the model. */
function drawerOf(
  model: ClipGen,
  {
    flags,
    settings,
    training,
  }: { flags: EvaluateFlags; settings: DrawEachSettings; training: PictureStream | undefined },
): Drawer | undefined {
  switch (flags.method) {
    case "generate":
      return undefined;
    case "optimise": {
      const steps = numberFlag("--steps", flags.steps, { least: 1, whole: true });
      return optimizingDrawer(model, { steps, seed: settings.seed ?? 0 });
    }
    case "retrieve":
      if (!training) throw new UserError("--method retrieve needs --training: the pictures to look among");
      return retrievingDrawer(model.clip, training);
  }
}

function drawSettings(flags: EvaluateFlags): DrawEachSettings {
  const candidates = numberFlag("--candidates", flags.candidates, { least: 1, whole: true });
  return { candidates, ...samplingSettings(flags) };
}

/** Captions only where they are drawn from. */
async function picturesOf(paths: readonly string[], from: DrawFrom): Promise<PictureFile[]> {
  if (from === "pictures" || (typeof from !== "string" && "prompts" in from)) return await findPictures(paths);
  try {
    return await findPairs(paths);
  } catch (error) {
    // Where there are pictures, it is the captions that are wrong.
    await findPictures(paths);
    const reason = error instanceof Error ? error.message : String(error);
    throw new UserError(`${reason}; or give --prompts with sentences, or --from pictures`, { cause: error });
  }
}

/** Prints each step of the work under its name, a line now and then. */
function progressPrinter(): (what: string, done: number, total: number) => void {
  const printers = new Map<string, (done: number, total: number) => void>();
  return (what, done, total) => {
    const printer = printers.get(what) ?? countPrinter(what);
    printers.set(what, printer);
    printer(done, total);
  };
}
