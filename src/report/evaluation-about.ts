import { toDisk } from "../config.ts";
import type { DrawEachSettings } from "../generate/draw-each.ts";
import type { DrawingMethod } from "../evaluate/drawers.ts";
import type { EvaluatedDrawing, Evaluation } from "../evaluate/evaluate.ts";
import type { Figure } from "../evaluate/figure.ts";

/** What an evaluation was made of, as its report tells it. */
export type ReportAbout = {
  model: string;
  data: readonly string[];
  /** "captions", "pictures", or the file of the sentences. */
  from: string;
  method: DrawingMethod;
  settings: DrawEachSettings;
  judge?: string | undefined;
  inception?: string | undefined;
  lpips?: string | undefined;
  reference?: readonly string[] | undefined;
  training?: readonly string[] | undefined;
};

/** All figures of an evaluation under their headings. */
export function sectionsOf({ figures }: Evaluation): { title: string; figures: readonly Figure[] }[] {
  return [
    { title: "Reconstructions", figures: figures.reconstruction },
    { title: "Drawings", figures: figures.drawings },
    { title: "Copies of the training", figures: figures.copies },
  ].filter((section) => section.figures.length > 0);
}

/** What `metrics.json` holds. */
export function reportJson(evaluation: Evaluation, about: ReportAbout): object {
  const all = sectionsOf(evaluation).flatMap((section) => section.figures);
  const measured = all.flatMap((figure) => ("value" in figure ? [figure] : []));
  const { pictures, drawings } = evaluation;
  const { model, data, from, method, settings, judge = null, ...others } = about;
  return {
    format: "clip-gen evaluation",
    version: 1,
    model,
    data,
    drawn_from: from,
    method,
    settings: toDisk(settings),
    judge,
    ...others,
    pictures: pictures.count,
    size: pictures.size,
    figures: Object.fromEntries(
      measured.flatMap(({ name, value, std }) => [[name, value], ...(std === undefined ? [] : [[`${name}_std`, std]])]),
    ),
    notes: Object.fromEntries(measured.flatMap(({ name, note }) => (note === undefined ? [] : [[name, note]]))),
    left_out: Object.fromEntries(all.flatMap((figure) => ("leftOut" in figure ? [[figure.name, figure.leftOut]] : []))),
    skipped: pictures.skipped,
    drawings: drawings.map(drawingJson),
  };
}

function drawingJson({ prompt, seed, score, clipScore, nearest }: EvaluatedDrawing): object {
  return {
    prompt,
    seed,
    similarity: score,
    ...(clipScore !== undefined && { clip_score: clipScore }),
    ...(nearest && { nearest }),
  };
}
