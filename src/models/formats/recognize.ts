import { resolveModelPath } from "../../io/hub/hub-cache.ts";
import { openWeights, type WeightsFile } from "../../io/weights-file.ts";
import type { Weights } from "../../io/weight.ts";
import type { ClipConfig } from "../clip-config.ts";
import type { GptConfig } from "../gpt-config.ts";
import { hasConfig, modelTypeOf } from "../network-folder.ts";
import type { VqganConfig } from "../vqgan-config.ts";
import { clipFormats, readClip } from "./clip.ts";
import { GPT_MODEL_TYPE, gptFormats, readGpt } from "./gpt.ts";
import { readVqgan, VQGAN_MODEL_TYPE, vqganFormats } from "./vqgan.ts";

/** A network that was found in a file, and whose format it has. */
export type Recognized = { format: string; weights: Weights } & (
  | { kind: "CLIP"; config: ClipConfig }
  | { kind: "VQGAN"; config: VqganConfig }
  | { kind: "GPT"; config: GptConfig }
);

/**
 * What a weights file or a network's folder holds, by its names: none, one, or several networks, as the checkpoint of a
 * Net2Net transformer has its VQGAN beside it. No number is read. Throws what the readers throw.
 */
export function recognize(given: string): { file: WeightsFile; networks: Recognized[] } {
  const path = resolveModelPath(given);
  const file = openWeights(path);
  const { weights } = file;
  const type = hasConfig(path) ? modelTypeOf(path) : undefined;
  const networks: Recognized[] = [];
  if (clipFormats.some(({ matches }) => matches(weights))) networks.push({ kind: "CLIP", ...readClip(path) });
  if (type === VQGAN_MODEL_TYPE || vqganFormats.some(({ matches }) => matches(weights))) {
    networks.push({ kind: "VQGAN", ...readVqgan(path) });
  }
  if (type === GPT_MODEL_TYPE || gptFormats.some(({ matches }) => matches(weights))) {
    networks.push({ kind: "GPT", ...readGpt(path) });
  }
  return { file, networks };
}
