import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll } from "vitest";
import { joinEncoded, type EncodedSet } from "../src/data/encoded.ts";
import { drawScenes, streamOf, type SceneSet } from "../src/data/pictures.ts";
import { ClipGen } from "../src/generate/pipeline.ts";
import { trainBpe } from "../src/io/tokenizers/train-bpe.ts";
import { Clip } from "../src/models/clip.ts";
import { clipPresets, type ClipConfig } from "../src/models/clip-config.ts";
import { Gpt } from "../src/models/gpt.ts";
import type { GptConfig } from "../src/models/gpt-config.ts";
import { Vqgan } from "../src/models/vqgan.ts";
import { vqganPresets, type VqganConfig } from "../src/models/vqgan-config.ts";
import { memoryFigures } from "../src/tensor/engine.ts";
import { manualSeed } from "../src/tensor/random.ts";
import { keep, tidy } from "../src/tensor/scope.ts";
import type { Tensor } from "../src/tensor/tensor.ts";
import { normalize } from "../src/nn/functional.ts";
import { randn } from "../src/tensor/functions.generated.ts";
import { encodePictures } from "../src/train/encode.ts";

// Networks that train and draw in milliseconds: 16×16 pictures, 4×4 tokens, 24 codes, embeddings of 8 numbers.

export const tinyGptConfig: GptConfig = {
  codebookSize: 24,
  tokenCount: 16,
  conditionDim: 8,
  layers: 2,
  heads: 2,
  width: 16,
  dropout: 0,
};

export const tinyVqganConfig: VqganConfig = {
  ...vqganPresets.paper,
  resolution: 16,
  ch: 8,
  chMult: [1],
  numResBlocks: 1,
  attnResolutions: [],
  zChannels: 8,
  patchSize: 4,
  normGroups: 4,
  codebookSize: 24,
  embedDim: 4,
  normalizeCodebook: true,
};

export const tinyClipConfig: ClipConfig = {
  ...clipPresets.tiny32,
  text: { vocabSize: 514, contextLength: 12, width: 16, layers: 1, heads: 2 },
  vision: { imageSize: 16, patchSize: 8, width: 16, layers: 1, heads: 2 },
  embedDim: 8,
};

/** Random weights are small: larger ones give distributions that differ from position to position. */
export function tinyGpt(changes: Partial<GptConfig> = {}, seed = 1): Gpt {
  manualSeed(seed);
  const gpt = new Gpt({ ...tinyGptConfig, ...changes });
  tidy(() => {
    const grown = [...gpt.stateDict()].map(([name, tensor]): [string, Tensor] => [
      name,
      name.includes("norm") ? tensor : tensor.detach().mul(8),
    ]);
    gpt.loadStateDict(new Map(grown));
  });
  return gpt;
}

export function tinyVqgan(changes: Partial<VqganConfig> = {}, seed = 2): Vqgan {
  manualSeed(seed);
  return new Vqgan({ ...tinyVqganConfig, ...changes });
}

export function tinyClip(seed = 3): Clip {
  manualSeed(seed);
  return new Clip(tinyClipConfig, trainBpe([], { vocabSize: tinyClipConfig.text.vocabSize }));
}

export function tinyModel(seed = 4): ClipGen {
  return new ClipGen({ clip: tinyClip(seed), vqgan: tinyVqgan({}, seed), gpt: tinyGpt({}, seed), name: "tiny" });
}

export function tinyPictures(count = 10): SceneSet {
  return drawScenes({ count, size: tinyVqganConfig.resolution, seed: 1, heldOut: "include" });
}

/** Pictures as networks with random weights encode them, with captions, both views, and the pictures themselves. */
export async function tinyEncoded(count = 10): Promise<EncodedSet> {
  using clip = tinyClip();
  using vqgan = tinyVqgan();
  const options = { clip, vqgan, flip: true, keepPictures: true };
  const batches: EncodedSet[] = [];
  for await (const batch of encodePictures(streamOf(tinyPictures(count)), options)) batches.push(batch);
  return joinEncoded(batches);
}

/** Random unit embeddings, (count, 8). */
export function tinyConditions(count: number, seed = 5): Tensor {
  manualSeed(seed);
  return keep(tidy(() => normalize(randn([count, tinyGptConfig.conditionDim]))));
}

/** A folder that goes away after the tests of the file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "clip-gen-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/**
 * How many tensors are alive, once the garbage of earlier tests is gone. Compare it with a count that is taken without
 * collecting garbage, which would also collect what leaks.
 */
export async function settledTensors(): Promise<number> {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  if (typeof collect !== "function") throw new Error("this Node.js does not let garbage be collected");
  let [before, now] = [Infinity, memoryFigures().tensors];
  while (now < before) {
    collect();
    await setTimeout(5); // finalizers run in a task of their own
    [before, now] = [now, memoryFigures().tensors];
  }
  return now;
}

/** The bytes of every tensor, for exact comparison. */
export function bytesOf(state: ReadonlyMap<string, Tensor>): Record<string, string> {
  const entries = Array.from(state, ([name, tensor]) => [name, Buffer.from(tensor.toBytes()).toString("hex")]);
  return Object.fromEntries(entries);
}
