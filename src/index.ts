/// <reference lib="esnext.disposable" preserve="true" />
/** The public library: networks, tensors, training stages and generation. */
export { ClipGen, type Blend, type Drawable, type GenerateOptions, type JourneyOptions } from "./generate/pipeline.ts";
export { gridPng, saveGrid, type GridOrigin } from "./generate/grid-file.ts";
export { saveJourney, type FilmSettings, type JourneyOrigin } from "./generate/journey-file.ts";
export { streamOf, type PictureSet, type PictureStream } from "./data/picture-stream.ts";
export { clipScores, rPrecision } from "./evaluate/clip-score.ts";
export {
  frechetDistance,
  inceptionScore,
  kernelDistance,
  nearestPictures,
  precisionAndRecall,
} from "./evaluate/distributions.ts";
export { evaluate, type EvaluateOptions, type Evaluation } from "./evaluate/evaluate.ts";
export { clipFeatures, featuresOf, inceptionFeatures, type PictureFeatures } from "./evaluate/features.ts";
export type { Figure } from "./evaluate/figure.ts";
export { drawEach, type DrawEachSettings, type DrawnPicture } from "./generate/draw-each.ts";
export { textTargets } from "./generate/embed.ts";
export { Targets } from "./generate/targets.ts";
export { writeReport } from "./report/write-evaluation.ts";
export type { PictureOrigin } from "./generate/picture-origin.ts";
export { GeneratedPicture } from "./generate/picture.ts";
export { Clip } from "./models/clip.ts";
export { clipPresets, type ClipConfig } from "./models/clip-config.ts";
export { Gpt } from "./models/gpt.ts";
export { gptPresets, type GptConfig } from "./models/gpt-config.ts";
export { Inception } from "./models/inception.ts";
export { Lpips } from "./models/lpips.ts";
export { sampleTokens, type SampleOptions } from "./models/sampling.ts";
export { Vqgan } from "./models/vqgan.ts";
export { vqganPresets, type VqganConfig } from "./models/vqgan-config.ts";
export { Module, type StateDict } from "./nn/module.ts";
export { grad, noGrad } from "./tensor/autograd.ts";
export { memoryFigures, setThreadCount, threadCount } from "./tensor/engine.ts";
export { callOperator, hasOperator, operatorSchema } from "./tensor/operator.ts";
export { Generator, manualSeed } from "./tensor/random.ts";
export { readSafetensors, writeSafetensors } from "./tensor/safetensors.ts";
export { keep, tensorScope, tidy } from "./tensor/scope.ts";
export { Tensor, type Device } from "./tensor/tensor.ts";
