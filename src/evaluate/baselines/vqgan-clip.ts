import { fromPixels } from "../../data/batches.ts";
import { clipInput } from "../../models/clip-images.ts";
import type { Clip } from "../../models/clip.ts";
import { nearestCodes } from "../../models/quantizer.ts";
import type { Vqgan } from "../../models/vqgan.ts";
import { cosineSimilarity } from "../../train/losses.ts";
import { normalize } from "../../nn/functional.ts";
import { Adam } from "../../optim/adam.ts";
import { Random } from "../../random.ts";
import { grad, noGrad } from "../../tensor/autograd.ts";
import { cat } from "../../tensor/functions.generated.ts";
import { Parameter } from "../../tensor/parameter.ts";
import { tidy } from "../../tensor/scope.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { randomCutouts } from "./cutouts.ts";

// VQGAN-CLIP (Crowson et al. 2022, arXiv 2204.08583): no network learns; VQGAN's latents are optimised for every prompt
// anew, until CLIP finds what they decode to close to it. B prompts, C×h×w latents, n cutouts, D width of CLIP's space.

export type OptimizeOptions = {
  /** Default 300. */
  steps?: number;
  /** Random crops that CLIP sees of the picture in every step. Default 32. */
  cutouts?: number;
  /** Of Adam; 0.1 in the paper, and by default. */
  lr?: number;
  /** Seed of the first prompt; the next ones count up. Default 0. */
  seed?: number;
  /** Called after every step, with means over the prompts. */
  onProgress?: (progress: OptimizeStep & { step: number; steps: number }) => void;
  signal?: AbortSignal | undefined;
};

/** What the cutouts lose, and the cosine of the prompt and the whole picture, both before the step changed it. */
export type OptimizeStep = { loss: number; score: number };

export type OptimizedPicture = {
  /** (size, size, 3) RGB bytes. */
  pixels: Uint8Array;
  size: number;
  /** (h·w) VQGAN's tokens. */
  tokens: number[];
  seed: number;
  /** Cosine between CLIP's embeddings of the prompt and of the picture. */
  score: number;
  /** The wall time of the run, shared evenly among the prompts. */
  seconds: number;
  history: OptimizeStep[];
};

type Networks = { clip: Clip; vqgan: Vqgan };

/**
 * Optimises a picture for each prompt. The same call gives the same pictures; of another batch, the rounding may lead a
 * picture elsewhere after some steps. CLIP and VQGAN should be in evaluation mode; they stay as they are, and get no
 * gradients.
 * @param condition (B, D), L2-normalised
 * @throws RangeError when a setting is out of its range; the signal's reason when it is aborted
 */
export async function optimizeCodes(
  networks: Networks,
  condition: Tensor,
  options: OptimizeOptions = {},
): Promise<OptimizedPicture[]> {
  const { steps = 300, cutouts = 32, lr = 0.1, seed = 0, onProgress, signal } = options;
  checkOptions({ steps, cutouts, lr, seed });
  const begin = performance.now();
  const seeds = Array.from({ length: condition.size(0) }, (_, row) => seed + row);
  const histories = seeds.map((): OptimizeStep[] => []);
  using z = tidy(() => new Parameter(randomCodes(networks.vqgan, seeds).to(condition.device))); // (B, C, h, w)
  const adam = new Adam(new Map([["z", z]]));
  try {
    for (let step = 0; step < steps; step += 1) {
      signal?.throwIfAborted();
      const told = tidy(() => {
        const { gradient, losses, scores } = pull(networks, { z, condition, cutouts, seeds, step });
        z.grad = gradient;
        adam.step(lr);
        adam.zeroGrad();
        clampToCodebook(z, networks.vqgan);
        return seeds.map((_, row) => ({ loss: losses[row] ?? Number.NaN, score: scores[row] ?? Number.NaN }));
      });
      for (const [row, one] of told.entries()) histories[row]?.push(one);
      const mean = (of: keyof OptimizeStep): number => told.reduce((sum, one) => sum + one[of], 0) / told.length;
      onProgress?.({ step: step + 1, steps, loss: mean("loss"), score: mean("score") });
      // Lets signals and other tasks in between two steps.
      await new Promise((resume) => setImmediate(resume));
    }
  } finally {
    adam.dispose();
  }
  const { pixels, size, tokens, scores } = noGrad(() => tidy(() => shown(networks, z, condition)));
  const seconds = (performance.now() - begin) / 1000 / seeds.length;
  return histories.map((history, row) => ({
    pixels: pixels.slice(row * size * size * 3, (row + 1) * size * size * 3),
    size,
    tokens: tokens.slice((row * tokens.length) / seeds.length, ((row + 1) * tokens.length) / seeds.length),
    seed: seed + row,
    score: scores[row] ?? Number.NaN,
    seconds,
    history,
  }));
}

/**
 * Half of the squared angle between unit vectors, as VQGAN-CLIP computes it: 2 · asin(‖a − b‖ / 2)².
 * (N, D) and (N, D) → (N)
 */
export function sphericalDistance(a: Tensor, b: Tensor): Tensor {
  // Only rounding takes half of the chord beyond 1, where the slope of asin is infinite.
  const halfChord = a
    .sub(b)
    .vectorNorm(2, [-1])
    .mul(0.5)
    .clamp(0, 1 - 1e-7);
  return halfChord.asin().square().mul(2);
}

/** The gradient of the loss at z, (B, C, h, w), with what each prompt loses and how close its picture is. */
function pull(
  { clip, vqgan }: Networks,
  at: { z: Tensor; condition: Tensor; cutouts: number; seeds: readonly number[]; step: number },
): { gradient: Tensor; losses: number[]; scores: number[] } {
  const { z, condition, cutouts: count, seeds, step } = at;
  const codes = noGrad(() => vqgan.quantize.lookup(quantized(z, vqgan))).setRequiresGrad(true);
  const decoded = vqgan.decodeLatent(codes); // (B, 3, H, W)
  const picture = decoded.detach().clamp(-1, 1).setRequiresGrad(true);

  const cuts = seeds.map((seed, row) => randomCutouts(picture.narrow(0, row, 1), clip.config, { count, seed, step }));
  const seen = normalize(clip.encodeImage(cat(cuts))); // (B · n, D)
  const wanted = condition.repeatInterleave(count, 0); // (B · n, D)
  const losses = sphericalDistance(seen, wanted).view([-1, count]).mean([1]); // (B)
  const [push] = grad([losses.sum()], [picture]);
  if (!push) throw new Error("the loss does not depend on the picture");

  // What was clipped gets the gradients that bring it back, and none that would take it further out (`clamp_with_grad`).
  const inward = push.maskedFill(push.mul(decoded.detach().sub(picture)).lt(0), 0);
  // Straight through the quantisation (`replace_grad`): the gradient at the codes is that at z.
  const [gradient] = grad([decoded], [codes], { gradOutputs: [inward] });
  if (!gradient) throw new Error("the picture does not depend on its codes");
  const scores = noGrad(() => cosineSimilarity(clip.encodeImage(clipInput(picture, clip.config)), condition));
  return { gradient, losses: losses.toNumbers(), scores: scores.toNumbers() };
}

/** What z is a picture of. */
function shown(
  { clip, vqgan }: Networks,
  z: Tensor,
  condition: Tensor,
): { pixels: Uint8Array; size: number; tokens: number[]; scores: number[] } {
  const indices = quantized(z, vqgan);
  const images = vqgan.decode(indices).clamp(-1, 1);
  const scores = cosineSimilarity(clip.encodeImage(clipInput(images, clip.config)), condition);
  return {
    pixels: fromPixels(images),
    size: images.size(2),
    tokens: indices.flatten().toNumbers(),
    scores: scores.toNumbers(),
  };
}

/** The nearest code of every latent, whatever the quantiser: (B, C, h, w) → (B, h, w) int64. */
function quantized(z: Tensor, vqgan: Vqgan): Tensor {
  const [batch, width, ...grid] = z.shape;
  const rows = z.permute([0, 2, 3, 1]).reshape([-1, width ?? 0]); // (B · h · w, C)
  return nearestCodes(rows, vqgan.quantize.codebook()).view([batch ?? 0, ...grid]);
}

/** Latents to start from, codes drawn at random: (B, C, h, w). */
function randomCodes(vqgan: Vqgan, seeds: readonly number[]): Tensor {
  const side = vqgan.tokenGrid();
  const drawn = seeds.flatMap((seed) => {
    const random = new Random(seed, "codes");
    return Array.from({ length: side * side }, () => random.int(vqgan.config.codebookSize));
  });
  const indices = Tensor.from(drawn, [seeds.length, side, side], "int64").to(vqgan.lastLayer.device);
  return noGrad(() => vqgan.quantize.lookup(indices).to("float32"));
}

/** Keeps every channel of the latents within what the codes reach. */
function clampToCodebook(z: Tensor, vqgan: Vqgan): void {
  noGrad(() => {
    const codebook = vqgan.quantize.codebook();
    const [least, most] = [codebook.amin([0]), codebook.amax([0])].map((bound) => bound.view([1, -1, 1, 1]));
    if (least && most) z.copy_(z.maximum(least).minimum(most));
  });
}

function checkOptions({ lr, seed, ...counts }: { steps: number; cutouts: number; lr: number; seed: number }): void {
  for (const [name, value] of Object.entries(counts)) {
    if (!Number.isInteger(value) || value < 1) {
      throw new RangeError(`${name} is ${value}, expected a whole number from 1`);
    }
  }
  if (!(lr > 0 && lr < Infinity)) throw new RangeError(`lr is ${lr}, expected a number above 0`);
  if (!Number.isSafeInteger(seed)) throw new RangeError(`seed is ${seed}, expected a whole number`);
}
