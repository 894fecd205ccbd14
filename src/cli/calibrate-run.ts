import { join } from "node:path";
import { findPairs } from "../data/pictures.ts";
import { agreements, textTargets } from "../generate/embed.ts";
import { calibrate } from "../generate/calibration.ts";
import { drawEach } from "../generate/draw-each.ts";
import { ClipGen } from "../generate/pipeline.ts";
import { resolveModelPath } from "../io/hub/hub-cache.ts";
import { readJson, writeJson } from "../io/json.ts";
import { parseDevice } from "../tensor/engine.ts";
import type { CalibrateFlags } from "./calibrate.ts";
import { UserError } from "./errors.ts";
import { interruptSignal } from "./interrupt.ts";
import { numberFlag } from "./number-flag.ts";
import { countPrinter } from "./progress.ts";
import { readPrompts, some } from "./prompts.ts";

export async function runCalibrate(flags: CalibrateFlags): Promise<void> {
  const prompts = some(await promptsOf(flags), numberFlag("--limit", flags.limit, { least: 20, whole: true }));
  if (prompts.length < 20) throw new UserError(`${prompts.length} prompts are too few to tell what is usual; give 20`);
  const model = await ClipGen.fromPretrained(flags.model, { device: parseDevice(flags.device), thread: "main" });
  using targets = textTargets(model, prompts);
  const { signal, done } = interruptSignal("stopping; nothing has been written");
  const print = countPrinter("drawing");
  try {
    const drawn = await drawEach(model, targets, {
      signal,
      onProgress: ({ candidates, of, tokens, length }) => {
        if (tokens === length) print(candidates, of);
      },
    });
    const agreement = agreements(model, targets);
    const found = calibrate(drawn.map(({ score }, i) => ({ score, agreement: agreement?.[i] })));
    const file = join(resolveModelPath(flags.model), "model.json");
    writeJson(file, Object.assign({}, readJson(file), { calibration: found }));
    console.log(
      `${found.prompts} prompts: 19 in 20 score above ${found.low.toFixed(3)}, half above ${found.median.toFixed(3)}`,
    );
    console.log(`written to ${file}`);
  } finally {
    done();
  }
}

async function promptsOf({ data, prompts }: CalibrateFlags): Promise<string[]> {
  if (prompts !== undefined) return readPrompts(prompts);
  if (data === undefined)
    throw new UserError("give --data with captions, or --prompts with sentences, that the model should know");
  const pairs = await findPairs(data);
  return [...new Set(pairs.flatMap(({ captions = [] }) => captions.slice(0, 1)))];
}
