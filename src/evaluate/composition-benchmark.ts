import { drawComposition } from "../data/composition-drawing.ts";
import { streamOf } from "../data/picture-stream.ts";
import { testSentence, testSplits, type TestSentence } from "../data/composition-splits.ts";
import type { Networks } from "../generate/decode.ts";
import type { DrawHooks } from "../generate/draw-rows.ts";
import type { DrawnPicture } from "../generate/draw-each.ts";
import { textTargets } from "../generate/embed.ts";
import { markPictures, scoreMarks, type Mark, type Score } from "./composition-score.ts";
import { frechetFigure, kernelFigure, precisionFigures } from "./distance-figures.ts";
import type { Drawer } from "./drawers.ts";
import { featuresOf, type PictureFeatures } from "./features.ts";
import type { Figure } from "./figure.ts";

export type CompositionRun = { pictures: DrawnPicture[]; marks: Mark[] };

export type CompositionBenchmark = {
  sentences: TestSentence[];
  /** One for each drawer. */
  runs: CompositionRun[];
  scores: Score[];
  /** How near the first run's drawings as a whole are to the scenes that the sentences tell of. */
  likeness: Figure[];
  /** What drawing took, all runs together, and nothing else. */
  secondsPerPicture: number;
};

/** The first sentences of every split, the same for every model. */
export function benchmarkSentences(each: number): TestSentence[] {
  return testSplits.flatMap((split) => Array.from({ length: each }, (_, i) => testSentence(split, 0, i)));
}

/**
 * Draws the sentences of composed scenes and has the checker compare every picture with what its sentence asks for: how well
 * a model does what it is told, without a judge that was trained.
 * @param options.drawers one for each run: the same model with other seeds gives intervals
 * @param options.likeness by which features to compare the drawings as a whole with the scenes
 */
export async function benchmarkCompositions(
  networks: Pick<Networks, "clip" | "gpt">,
  options: { drawers: readonly Drawer[]; each: number; likeness: readonly PictureFeatures[] } & DrawHooks,
): Promise<CompositionBenchmark> {
  const { drawers, each, likeness: by, ...hooks } = options;
  const sentences = benchmarkSentences(each);
  using targets = textTargets(
    networks,
    sentences.map(({ text }) => text),
  );
  const runs: CompositionRun[] = [];
  let seconds = 0;
  for (const draw of drawers) {
    const started = performance.now();
    const pictures = await draw(targets, hooks);
    seconds += (performance.now() - started) / 1000;
    const size = pictures[0]?.size ?? 0;
    const images = Buffer.concat(pictures.map(({ pixels }) => pixels));
    runs.push({ pictures, marks: markPictures(sentences, { images, size }) });
  }
  const likeness: Figure[] = [];
  for (const features of by) likeness.push(...(await likenessOf(sentences, runs[0]?.pictures ?? [], features)));
  const secondsPerPicture = seconds / (runs.length * sentences.length);
  return { sentences, runs, scores: scoreMarks(runs.map(({ marks }) => marks)), likeness, secondsPerPicture };
}

async function likenessOf(
  sentences: readonly TestSentence[],
  drawn: readonly DrawnPicture[],
  by: PictureFeatures,
): Promise<Figure[]> {
  const size = drawn[0]?.size ?? 0;
  const set = { size, count: drawn.length, names: sentences.map(({ text }) => text), skipped: [] };
  const scenes = Buffer.concat(sentences.map(({ composition }) => drawComposition(composition, size)));
  const drawings = Buffer.concat(drawn.map(({ pixels }) => pixels));
  using real = (await featuresOf(streamOf({ ...set, images: scenes }), by)).features;
  using made = (await featuresOf(streamOf({ ...set, images: drawings }), by)).features;
  const sets = { by, real, made, what: "drawings" };
  return [frechetFigure(sets), kernelFigure(sets), ...precisionFigures(sets)];
}
