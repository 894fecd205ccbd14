import { existsSync } from "node:fs";
import { join } from "node:path";
import { toDisk } from "../config.ts";
import { generatorCompositions } from "../data/composition-splits.ts";
import { pictureGrid } from "../data/picture-grid.ts";
import { streamOf } from "../data/picture-stream.ts";
import { drawCompositions } from "../data/pictures.ts";
import { benchmarkCompositions, type CompositionBenchmark } from "../evaluate/composition-benchmark.ts";
import { scoreTable } from "../evaluate/composition-score.ts";
import { generatingDrawer, optimizingDrawer, retrievingDrawer, type Drawer } from "../evaluate/drawers.ts";
import { clipFeatures, inceptionFeatures } from "../evaluate/features.ts";
import type { ClipGen } from "../generate/pipeline.ts";
import { writeFileAtomic, writeFolderAtomic } from "../io/atomic.ts";
import { writeJson } from "../io/json.ts";
import type { BenchmarkFlags } from "./benchmark.ts";
import { drawingModel } from "./drawing-model.ts";
import { UserError } from "./errors.ts";
import { figureTable } from "./figure-table.ts";
import { interruptSignal } from "./interrupt.ts";
import { readJudges } from "./judges.ts";
import { numberFlag } from "./number-flag.ts";
import { countPrinter } from "./progress.ts";
import { samplingSettings } from "./sampling-flags.ts";

/** Training scenes that retrieval looks among. */
const RETRIEVED_AMONG = 5000;
/** Pictures of each split in the grid. */
const SHOWN = 12;

export async function runBenchmark(flags: BenchmarkFlags): Promise<void> {
  if (existsSync(flags.output)) throw new UserError(`${flags.output} exists already; choose another --output`);
  const each = numberFlag("--each", flags.each, { least: 1, whole: true });
  const runs = numberFlag("--runs", flags.runs, { least: 1, whole: true });
  const model = await drawingModel(flags);
  const drawer = drawersOf(model, flags);
  const { judge = model.clip, inception } = await readJudges(flags, model.device);
  const { signal, done } = interruptSignal("stopping; nothing has been written");
  try {
    const drawn = await benchmarkCompositions(model, {
      drawers: Array.from({ length: runs }, (_, run) => drawer(run)),
      each,
      likeness: [clipFeatures(judge), ...(inception ? [inceptionFeatures(inception)] : [])],
      signal,
      ...(!flags.json && { onProgress: progressPrinter() }),
    });
    const metrics = describe(drawn, flags);
    await writeFolderAtomic(flags.output, async (folder) => {
      writeJson(join(folder, "metrics.json"), metrics);
      writeFileAtomic(join(folder, "grid.png"), await gridOf(drawn));
    });
    if (flags.json) console.log(JSON.stringify(metrics, undefined, 2));
    else {
      const title = `Drawings and scenes as a whole${flags.judge === undefined ? ", in the eyes of the model's own CLIP" : ""}`;
      console.log(`${scoreTable(drawn.scores)}\n${figureTable([{ title, figures: drawn.likeness }])}`);
      console.log(`\n${drawn.secondsPerPicture.toFixed(3)} s a picture; finished: ${flags.output}`);
    }
  } finally {
    done();
  }
}

function drawersOf(model: ClipGen, flags: BenchmarkFlags): (run: number) => Drawer {
  const first = numberFlag("--seed", flags.seed, { least: 0, whole: true });
  // No two runs share a picture's seed.
  const seedOf = (run: number): number => first + run * 1_000_000;
  switch (flags.method) {
    case "generate": {
      const candidates = numberFlag("--candidates", flags.candidates, { least: 1, whole: true });
      const settings = { candidates, ...samplingSettings(flags) };
      return (run) => generatingDrawer(model, { ...settings, seed: seedOf(run) });
    }
    case "optimise": {
      const steps = numberFlag("--steps", flags.steps, { least: 1, whole: true });
      return (run) => optimizingDrawer(model, { steps, seed: seedOf(run) });
    }
    case "retrieve": {
      const scenes = { count: RETRIEVED_AMONG, size: model.vqgan.config.resolution, seed: 2, ...generatorCompositions };
      return () => retrievingDrawer(model.clip, streamOf(drawCompositions(scenes)));
    }
  }
}

function describe(
  { sentences, runs, scores, likeness, secondsPerPicture }: CompositionBenchmark,
  flags: BenchmarkFlags,
): Record<string, unknown> {
  const { model, method, seed, steps, each, candidates } = flags;
  const generating = { candidates, ...samplingSettings(flags) };
  const settings = method === "generate" ? generating : method === "optimise" ? { seed, steps } : {};
  return {
    format: "clip-gen composition benchmark",
    version: 1,
    model,
    method,
    judge: flags.judge,
    inception: flags.inception,
    settings: toDisk({ runs: runs.length, each, ...settings }),
    figures: {
      ...Object.fromEntries(scores.map(({ split, name, value }) => [`${split}_${name}`.replaceAll(" ", "_"), value])),
      ...Object.fromEntries(likeness.flatMap((shown) => ("value" in shown ? [[shown.name, shown.value]] : []))),
      seconds_per_picture: secondsPerPicture,
    },
    scores,
    drawings: sentences.map(({ split, text }, i) => ({
      split,
      prompt: text,
      answers: runs.map(({ marks }) => marks[i]?.answers),
    })),
  };
}

/** A row of pictures for every split, from the first run. */
async function gridOf({ sentences, runs }: CompositionBenchmark): Promise<Uint8Array> {
  const pictures = runs[0]?.pictures ?? [];
  const splits = [...new Set(sentences.map(({ split }) => split))];
  const columns = Math.min(SHOWN, sentences.length / splits.length);
  const shown = splits.flatMap((split) => pictures.filter((_, i) => sentences[i]?.split === split).slice(0, columns));
  const { png } = await pictureGrid(Buffer.concat(shown.map(({ pixels }) => pixels)), {
    size: pictures[0]?.size ?? 0,
    columns,
  });
  return png;
}

function progressPrinter(): (progress: { candidates: number; of: number; tokens: number; length: number }) => void {
  const print = countPrinter("drawing");
  return ({ candidates, of, tokens, length }) => {
    if (tokens === length) print(candidates, of);
  };
}
