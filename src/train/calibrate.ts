import type { GptTraining, VqganTraining } from "../config.ts";
import type { EncodedSet } from "../data/encoded.ts";
import type { PictureSet } from "../data/pictures.ts";
import { codecFactor } from "../models/codec.ts";
import type { Clip } from "../models/clip.ts";
import { Gpt } from "../models/gpt.ts";
import type { GptConfig } from "../models/gpt-config.ts";
import { Vqgan } from "../models/vqgan.ts";
import type { VqganConfig } from "../models/vqgan-config.ts";
import { noGrad } from "../tensor/autograd.ts";
import type { DType } from "../tensor/dtype.ts";
import { randn } from "../tensor/functions.generated.ts";
import { tidy } from "../tensor/scope.ts";
import { gptStage } from "./gpt.ts";
import type { Stage } from "./loop.ts";
import type { PerceptualLoss } from "./vqgan-loss.ts";
import { vqganStage } from "./vqgan.ts";

// How long a step takes on this machine, measured on networks that are thrown away: a training that may take a given
// time gets its number of steps beforehand, so that its schedule is fixed and the run can be repeated and resumed.

const STEPS = 20;
/** In the first steps libtorch plans its kernels and takes its memory. */
const WARM_UP = 4;

export function vqganStepSeconds(options: {
  network: VqganConfig;
  pictures: PictureSet;
  config: VqganTraining;
  perceptual?: PerceptualLoss | undefined;
}): number {
  const vqgan = new Vqgan(options.network);
  const seconds = stepSeconds(vqganStage({ ...options, vqgan }));
  vqgan.dispose();
  return seconds;
}

export function gptStepSeconds(options: {
  network: Pick<GptConfig, "layers" | "heads" | "width" | "dropout">;
  vqgan: VqganConfig;
  clip: Clip;
  config: GptTraining;
}): number {
  const { network, vqgan, clip, config } = options;
  const { codebookSize } = vqgan;
  const side = vqgan.resolution / codecFactor(vqgan);
  const conditionDim = clip.config.embedDim;
  const tokenCount = side * side;
  const gpt = new Gpt({ ...network, codebookSize, tokenCount, conditionDim });
  const count = config.batchSize;
  const data: EncodedSet = {
    count,
    views: 1,
    grid: [side, side],
    codebookSize,
    embedDim: conditionDim,
    tokens: new Int32Array(count * tokenCount),
    embeddings: new Float32Array(count * conditionDim).fill(1 / Math.sqrt(conditionDim)),
    names: [],
  };
  const seconds = stepSeconds(gptStage({ gpt, data, config }));
  gpt.dispose();
  return seconds;
}

function stepSeconds(stage: Stage): number {
  const times = Array.from({ length: STEPS }, (_, step) => {
    const start = performance.now();
    stage.step(step);
    return (performance.now() - start) / 1000;
  });
  // The median: what else the machine does meanwhile slows the training down just as it does these steps.
  const sorted = times.slice(WARM_UP).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/** Speed of a 1024³ matrix product on the CPU, in GFLOP/s: the best of a few, or the only one where one takes long. */
export function matmulGflops(dtype: DType): number {
  const size = 1024;
  return noGrad(() =>
    tidy(() => {
      const [a, b] = [randn([size, size]).to(dtype), randn([size, size]).to(dtype)];
      let [best, all] = [Infinity, 0];
      for (let i = 0; i < 10 && all < 0.3; i += 1) {
        const start = performance.now();
        a.matmul(b);
        const seconds = (performance.now() - start) / 1000;
        best = Math.min(best, seconds);
        all += seconds;
      }
      return (2 * size ** 3) / best / 1e9;
    }),
  );
}
