import { gptPresets, gptSize, type GptSize } from "../models/gpt-config.ts";
import { vqganConfig, vqganPresets, type VqganConfig } from "../models/vqgan-config.ts";
import { UserError } from "./errors.ts";
import { readSettings } from "./settings.ts";

/** A VQGAN's configuration by name, with changes such as `codebook_size=4096`. */
export function vqganPreset(name: string, changes: readonly string[] = []): VqganConfig {
  return readSettings(vqganConfig, { set: changes }, named(vqganPresets, name));
}

/** A GPT's size by name, with changes such as `qk_norm=true`. */
export function gptPreset(name: string, changes: readonly string[] = []): GptSize {
  return readSettings(gptSize, { set: changes }, named(gptPresets, name));
}

/** A network that training begins with has its size, so that there is no preset whose numbers `--network` could change. */
export function refuseChanges(changes: readonly string[] = []): void {
  if (changes.length > 0)
    throw new UserError("--network changes a preset; with --init-from the network is the one that is there");
}

function named<T>(presets: Readonly<Record<string, T>>, name: string): T {
  const preset = Object.hasOwn(presets, name) ? presets[name] : undefined;
  if (preset === undefined) throw new UserError(`unknown preset ${name}; known: ${Object.keys(presets).join(", ")}`);
  return preset;
}
