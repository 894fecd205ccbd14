import { resolveModelPath } from "../../io/hub/hub-cache.ts";
import { openWeights } from "../../io/weights-file.ts";
import { gptConfig, type GptConfig } from "../gpt-config.ts";
import { hasConfig, readConfig } from "../network-folder.ts";
import { readAs, type Format, type Published } from "./format.ts";
import { hfaiGpt } from "./gpt-hfai.ts";
import { llamaGenGpt } from "./gpt-llamagen.ts";
import { ownGpt } from "./gpt-own.ts";
import { tamingGpt } from "./gpt-taming.ts";

/** What `config.json` of a GPT calls itself. */
export const GPT_MODEL_TYPE = "clip_gen_gpt";

/** What shapes cannot tell. */
export type GptHints = {
  /** Default: width / 64, as in nearly every published GPT of this kind. */
  heads?: number | undefined;
  /** Where positions are rotated and take no weights (LlamaGen): tokens of a whole picture. Default: 256. */
  tokenCount?: number | undefined;
};

export const gptFormats: readonly Format<GptConfig, GptHints>[] = [hfaiGpt, tamingGpt, llamaGenGpt, ownGpt];

/**
 * A folder of our own, or the weights file of a published GPT. No number is read.
 * Throws one error for everything else.
 */
export function readGpt(given: string, hints: GptHints = {}): Published<GptConfig> {
  const path = resolveModelPath(given);
  if (hasConfig(path)) {
    const config = readConfig(path, { modelType: GPT_MODEL_TYPE, schema: gptConfig });
    return { format: "clip-gen", config, weights: openWeights(path).weights };
  }
  return readAs(gptFormats, openWeights(path).weights, { path, kind: "GPT", hints });
}
