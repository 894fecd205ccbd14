import { resolve } from "node:path";
import { streamOf, type PictureSet, type PictureStream } from "../data/picture-stream.ts";
import type { Networks } from "../generate/decode.ts";
import type { DrawEachSettings, DrawnPicture } from "../generate/draw-each.ts";
import type { Clip } from "../models/clip.ts";
import type { Inception } from "../models/inception.ts";
import type { Lpips } from "../models/lpips.ts";
import { keep, tidy } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { captionFigures, sourceFigures } from "./caption-figures.ts";
import { compareSets, inceptionScoreFigure, type BlurCurve } from "./compare.ts";
import { subjectsOf, targetsOf, type DrawFrom, type Subjects } from "./subjects.ts";
import { findCopies, type Copies, type Nearest } from "./copies.ts";
import { embedTexts } from "../generate/embed.ts";
import { generatingDrawer, type Drawer } from "./drawers.ts";
import { clipFeatures, featuresOf, inceptionFeatures, inFloat32, type FeatureOptions } from "./features.ts";
import { figure, type Figure } from "./figure.ts";
import { namingFigure, recognitionFigures } from "./recognition-figures.ts";
import { reconstructPictures } from "./reconstruction-figures.ts";

export type EvaluateOptions = {
  /** In the VQGAN's size. */
  pictures: PictureSet;
  /** Default: the pictures' captions. */
  from?: DrawFrom;
  draw?: DrawEachSettings;
  /** What draws in place of the model. */
  drawer?: Drawer | undefined;
  /** A CLIP that was trained apart from the model: all figures that need a CLIP are told in it. Default: the model's own. */
  judge?: Clip | undefined;
  inception?: Inception | undefined;
  lpips?: Lpips | undefined;
  /** Pictures with captions among which drawings are to be recognised. Default: the pictures that are evaluated. */
  reference?: PictureSet | undefined;
  /** What the model was trained on, in the VQGAN's size: finds copies. */
  training?: PictureStream | undefined;
  signal?: AbortSignal | undefined;
  onProgress?: ((what: string, done: number, total: number) => void) | undefined;
};

export type EvaluatedDrawing = DrawnPicture & {
  /** The sentence, or the file of the picture that it was drawn from. */
  prompt: string;
  /** CLIPScore, where there is a sentence. */
  clipScore: number | undefined;
  /** Where the training's pictures are known. */
  nearest: Nearest | undefined;
};

export type Evaluation = {
  pictures: PictureSet;
  /** As many (size, size, 3) RGB bytes as pictures, and how close each is in dB. */
  reconstruction: { images: Uint8Array; psnr: readonly number[] };
  drawings: EvaluatedDrawing[];
  /** Whether drawing i is of the sentence of picture i, or of the picture itself. */
  paired: boolean;
  figures: { reconstruction: Figure[]; drawings: Figure[]; copies: Figure[] };
  blur: BlurCurve[];
  /** CLIPScores of the pictures, where they have the sentences that were drawn. */
  pictureScores: readonly number[];
  /** How alike pictures that were not trained on are to the training's. */
  heldOut: readonly Nearest[];
};

/**
 * Measures a model on pictures: what its VQGAN loses of them, and how good and how new what it draws is. A figure that cannot be
 * measured is there with the reason.
 * @param networks a `ClipGen`, or its three networks in evaluation mode; judge, Inception and LPIPS on the same device
 * @throws RangeError where there is nothing to draw from; the signal's reason when it is aborted
 */
export async function evaluate(networks: Networks, options: EvaluateOptions): Promise<Evaluation> {
  const { pictures, judge = networks.clip, inception, lpips, signal, onProgress } = options;
  const subjects = subjectsOf(pictures, options.from ?? "captions");
  const common = { device: networks.gpt.device, signal };
  const hooks = (what: string): FeatureOptions => ({
    ...common,
    onProgress: (done, total) => onProgress?.(what, done, total),
  });

  const reconstruction = await reconstructPictures(pictures, {
    vqgan: networks.vqgan,
    lpips,
    ...hooks("reconstructing pictures"),
  });
  using targets = await targetsOf(networks, { pictures, subjects }, hooks("embedding pictures"));
  const started = performance.now();
  const drawer = options.drawer ?? generatingDrawer(networks, options.draw ?? {});
  const drawn = await drawer(targets, {
    signal,
    onProgress: ({ candidates, of, tokens, length }) => {
      onProgress?.(`drawing ${candidates} of ${of}, token`, tokens, length);
    },
  });
  const seconds = (performance.now() - started) / 1000 / drawn.length;

  const sets = {
    pictures,
    reconstructions: { ...pictures, images: reconstruction.images },
    drawings: setOf(drawn, pictures.size),
  };
  const clip = clipFeatures(judge);
  const byClip = await compareSets(sets, clip, { ...common, onProgress });
  using ofPictures = byClip.features.pictures;
  using ofDrawings = byClip.features.drawings;
  const byInception = inception && (await compareSets(sets, inceptionFeatures(inception), { ...common, onProgress }));
  for (const features of Object.values(byInception?.features ?? {})) features.dispose();

  using texts = subjects.sentences ? inFloat32(judge, () => embedTexts(judge, subjects.sentences ?? [], "cpu")) : null;
  const agreement = captionFigures({
    texts: texts ?? undefined,
    drawings: ofDrawings,
    pictures: subjects.paired ? ofPictures : undefined,
    judge: options.judge ? "a CLIP that was trained apart" : "the model's own CLIP",
  });
  const recognition = await recognitionOf(
    options,
    { drawings: ofDrawings, pictures: ofPictures, subjects, judge },
    (set) => featuresOf(streamOf(set), clip, hooks("CLIP looks at the reference")),
  );
  const copies = options.training
    ? await copiesOf(options.training, {
        names: pictures.names,
        pictures: ofPictures,
        drawings: ofDrawings,
        see: (training) => featuresOf(training, clip, hooks("CLIP looks at the training's pictures")),
      })
    : undefined;

  return {
    pictures,
    reconstruction,
    drawings: drawn.map(({ pixels, size, tokens, score, seed }, i) => ({
      pixels,
      size,
      tokens,
      score,
      seed,
      prompt: subjects.names[i] ?? "",
      clipScore: agreement.drawings[i],
      nearest: copies?.drawings[i],
    })),
    paired: subjects.paired,
    figures: {
      reconstruction: [...reconstruction.figures, ...(byInception?.reconstruction ?? []), ...byClip.reconstruction],
      drawings: [
        ...(byInception?.drawings ?? []),
        ...byClip.drawings,
        ...(byInception ? [] : [inceptionScoreFigure(undefined)]),
        ...agreement.figures,
        ...recognition,
        ...(subjects.sentences ? [] : sourceFigures({ drawings: ofDrawings, sources: ofPictures })),
        timeFigure(seconds),
      ],
      copies: copies?.figures ?? [],
    },
    blur: [...(byInception ? [byInception.blur] : []), byClip.blur],
    pictureScores: agreement.pictures,
    heldOut: copies?.heldOut ?? [],
  };
}

/** Where sentences were drawn and there are pictures of them. */
async function recognitionOf(
  { pictures, reference }: EvaluateOptions,
  seen: { drawings: Tensor; pictures: Tensor; subjects: Subjects; judge: Clip },
  see: (set: PictureSet) => Promise<{ features: Tensor }>,
): Promise<Figure[]> {
  const { drawings, subjects, judge } = seen;
  const shown = (reference ?? pictures).captions?.map(([first = ""]) => first);
  if (!subjects.sentences || !shown || (!reference && !subjects.paired)) return [];
  const { asked } = subjects;
  const sentences = [...new Set(shown)];
  using texts = inFloat32(judge, () => embedTexts(judge, sentences, "cpu"));
  const named = namingFigure({ drawings, asked, texts, sentences });
  if (!reference) return [...recognitionFigures({ drawings, asked, pictures: seen.pictures, shown }), named];
  using features = (await see(reference)).features;
  return [...recognitionFigures({ drawings, asked, pictures: features, shown }), named];
}

/** Held-out pictures are those whose file is not among the training's. */
async function copiesOf(
  stream: PictureStream,
  sets: {
    names: readonly string[];
    pictures: Tensor;
    drawings: Tensor;
    see: (stream: PictureStream) => Promise<{ features: Tensor; names: string[] }>;
  },
): Promise<Copies> {
  const training = await sets.see(stream);
  using features = training.features;
  const trained = new Set(training.names.map((name) => resolve(name)));
  const others = sets.names.flatMap((name, i) => (trained.has(resolve(name)) ? [] : [i]));
  const rows = (): Tensor => sets.pictures.indexSelect(0, Tensor.from(others, [others.length], "int64"));
  using heldOut = others.length > 0 ? keep(tidy(rows)) : null;
  return findCopies({
    drawings: sets.drawings,
    training: { features, names: training.names },
    heldOut: heldOut ?? undefined,
  });
}

function setOf(drawn: readonly DrawnPicture[], size: number): PictureSet {
  const images = new Uint8Array(drawn.length * size * size * 3);
  for (const [i, { pixels }] of drawn.entries()) images.set(pixels, i * size * size * 3);
  return { images, size, count: drawn.length, names: drawn.map((_, i) => String(i)), skipped: [] };
}

function timeFigure(seconds: number): Figure {
  return figure(
    {
      name: "seconds_per_picture",
      label: "Time a picture",
      meaning: "From sentence to picture, drawn in batches, all of its candidates included.",
      better: "lower",
      unit: "s",
    },
    () => seconds,
  );
}
