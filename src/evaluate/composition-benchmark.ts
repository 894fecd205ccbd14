import { testSentence, testSplits, type TestSentence } from "../data/composition-splits.ts";
import type { Networks } from "../generate/decode.ts";
import type { DrawHooks } from "../generate/draw-rows.ts";
import type { DrawnPicture } from "../generate/draw-each.ts";
import { textTargets } from "../generate/embed.ts";
import { markPictures, scoreMarks, type Mark, type Score } from "./composition-score.ts";
import type { Drawer } from "./drawers.ts";

export type CompositionRun = { pictures: DrawnPicture[]; marks: Mark[] };

export type CompositionBenchmark = {
  sentences: TestSentence[];
  /** One for each drawer. */
  runs: CompositionRun[];
  scores: Score[];
};

/** The first sentences of every split, the same for every model. */
export function benchmarkSentences(each: number): TestSentence[] {
  return testSplits.flatMap((split) => Array.from({ length: each }, (_, i) => testSentence(split, 0, i)));
}

/**
 * Draws the sentences of composed scenes and has the checker compare every picture with what its sentence asks for: how well
 * a model does what it is told, without a judge that was trained.
 * @param options.drawers one for each run: the same model with other seeds gives intervals
 */
export async function benchmarkCompositions(
  networks: Pick<Networks, "clip" | "gpt">,
  options: { drawers: readonly Drawer[]; each: number } & DrawHooks,
): Promise<CompositionBenchmark> {
  const { drawers, each, ...hooks } = options;
  const sentences = benchmarkSentences(each);
  using targets = textTargets(
    networks,
    sentences.map(({ text }) => text),
  );
  const runs: CompositionRun[] = [];
  for (const draw of drawers) {
    const pictures = await draw(targets, hooks);
    const size = pictures[0]?.size ?? 0;
    const images = Buffer.concat(pictures.map(({ pixels }) => pixels));
    runs.push({ pictures, marks: markPictures(sentences, { images, size }) });
  }
  return { sentences, runs, scores: scoreMarks(runs.map(({ marks }) => marks)) };
}
