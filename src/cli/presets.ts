import { gptPresets } from "../models/gpt-config.ts";
import { vqganPresets, type VqganConfig } from "../models/vqgan-config.ts";
import { UserError } from "./errors.ts";

/** A VQGAN's configuration by name. */
export function vqganPreset(name: string): VqganConfig {
  return named(vqganPresets, name);
}

/** A GPT's size by name. */
export function gptPreset(name: string): (typeof gptPresets)["paper"] {
  return named(gptPresets, name);
}

function named<T>(presets: Readonly<Record<string, T>>, name: string): T {
  const preset = Object.hasOwn(presets, name) ? presets[name] : undefined;
  if (preset === undefined) throw new UserError(`unknown preset ${name}; known: ${Object.keys(presets).join(", ")}`);
  return preset;
}
