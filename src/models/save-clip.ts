import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { writeJson } from "../io/json.ts";
import { writeSafetensorsFile } from "../io/safetensors.ts";
import { readWeight, weightOf, type Weights } from "../io/weight.ts";
import { isFloatingPoint } from "../tensor/dtype.ts";
import { tidy } from "../tensor/scope.ts";
import { clipConfigJson, openClipConfigJson } from "./clip-config-json.ts";
import { isResNet } from "./clip-config.ts";
import type { Clip } from "./clip.ts";
import { openaiClipNames } from "./formats/clip.ts";
import { toTheirs } from "./formats/name-pairs.ts";
import { saveNetwork, type SaveOptions } from "./pretrained.ts";

/** Whose names and files: `CLIPModel` of transformers, or open_clip (which are OpenAI's names). */
export type ClipLayout = "huggingface" | "open_clip";

/**
 * Writes a CLIP so that others read it, too: by default Hugging Face's `CLIPModel` (config.json, model.safetensors,
 * preprocessor_config.json, tokenizer.json), which has no ResNets: those are written for open_clip.
 */
export function saveClip(folder: string, clip: Clip, options: SaveOptions & { layout?: ClipLayout } = {}): void {
  const { layout = isResNet(clip.config.vision) ? "open_clip" : "huggingface", ...precision } = options;
  if (layout === "open_clip") saveForOpenClip(folder, clip, precision);
  else {
    const { config, preprocessor } = clipConfigJson(clip.config, clip.tokenizer);
    saveNetwork(folder, { modelType: "clip", config, module: clip, ...precision });
    writeJson(join(folder, "preprocessor_config.json"), preprocessor);
  }
  if (clip.tokenizer) writeJson(join(folder, "tokenizer.json"), clip.tokenizer.toJson());
}

function saveForOpenClip(folder: string, clip: Clip, { dtype }: SaveOptions): void {
  mkdirSync(folder, { recursive: true });
  const weights: Weights = new Map(
    Array.from(clip.stateDict(), ([name, tensor]) => {
      const stored = tidy(() => {
        const values = dtype !== undefined && isFloatingPoint(tensor.dtype) ? tensor.detach().to(dtype) : tensor;
        return { dtype: values.dtype, shape: [...values.shape], data: values.toBytes() };
      });
      return [name, weightOf(stored)];
    }),
  );
  const { text, vision } = clip.config;
  const below = "vision_model.";
  const seen = [...weights.keys()].filter((name) => name.startsWith(below)).map((name) => name.slice(below.length));
  const names = openaiClipNames({ text: text.layers, vision: isResNet(vision) ? seen : vision.layers });
  const named = toTheirs(weights, names);
  const tensors = Array.from(named, ([name, weight]) => [name, readWeight(name, weight)] as const);
  writeSafetensorsFile(join(folder, "open_clip_model.safetensors"), tensors, { format: "pt" });
  writeJson(join(folder, "open_clip_config.json"), openClipConfigJson(clip.config));
}
