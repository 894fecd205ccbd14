import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { readJson, writeJson } from "../io/json.ts";
import { ClipTokenizer } from "../io/tokenizers/clip-tokenizer.ts";
import { clipConfigFromShapes, clipStateDict } from "./clip-checkpoint.ts";
import { clipConfigJson, parseClipConfig } from "./clip-config-json.ts";
import type { ClipConfig } from "./clip-config.ts";
import type { Clip } from "./clip.ts";
import { readWeights, saveNetwork } from "./pretrained.ts";

// A CLIP on disk is what Hugging Face's CLIPModel saves: config.json, model.safetensors, tokenizer.json and
// preprocessor_config.json.

export type LoadedClip = { config: ClipConfig; state: ReturnType<typeof clipStateDict>; tokenizer?: ClipTokenizer };

/**
 * Reads a CLIP from a folder as Hugging Face or open_clip saves it, or from a weights file with the names of OpenAI or
 * open_clip, where shapes have to tell the configuration.
 */
export function readClip(path: string): LoadedClip {
  const state = clipStateDict(readWeights(path));
  if (!statSync(path).isDirectory()) return { config: clipConfigFromShapes(state), state };
  const config = readClipConfig(path) ?? clipConfigFromShapes(state);
  const file = join(path, "tokenizer.json");
  if (!existsSync(file)) return { config, state };
  const tokenizer = ClipTokenizer.fromFile(file);
  if (tokenizer.vocabSize !== config.text.vocabSize) {
    throw new Error(`${file} has ${tokenizer.vocabSize} tokens, the weights are for ${config.text.vocabSize}`);
  }
  return { config, state, tokenizer };
}

function readClipConfig(folder: string): ClipConfig | undefined {
  const file = ["config.json", "open_clip_config.json"]
    .map((name) => join(folder, name))
    .find((path) => existsSync(path));
  if (file === undefined) return undefined;
  const preprocessor = join(folder, "preprocessor_config.json");
  const [json, preprocessorJson] = [readJson(file), existsSync(preprocessor) ? readJson(preprocessor) : {}];
  try {
    return parseClipConfig(json, preprocessorJson);
  } catch (error) {
    throw new Error(`${file}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** Writes a CLIP so that Hugging Face's `CLIPModel.from_pretrained` reads it, too. */
export function saveClip(folder: string, clip: Clip, options: { dtype?: "float32" | "bfloat16" } = {}): void {
  const { config, preprocessor } = clipConfigJson(clip.config, clip.tokenizer);
  saveNetwork(folder, { modelType: "clip", config, module: clip, ...options });
  writeJson(join(folder, "preprocessor_config.json"), preprocessor);
  if (clip.tokenizer) writeJson(join(folder, "tokenizer.json"), clip.tokenizer.toJson());
}
