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

/**
 * The network that training begins with, where `--init-from` names one.
 * @throws UserError where `--network` would change it: that changes a preset, and this one has its size
 */
export async function initialNetwork<T>(
  { initFrom, network = [] }: { initFrom?: string; network?: readonly string[] },
  read: (path: string) => Promise<T>,
): Promise<T | undefined> {
  if (initFrom === undefined) return undefined;
  if (network.length > 0)
    throw new UserError("--network changes a preset; with --init-from the network is the one that is there");
  return await read(initFrom);
}

function named<T>(presets: Readonly<Record<string, T>>, name: string): T {
  const preset = Object.hasOwn(presets, name) ? presets[name] : undefined;
  if (preset === undefined) throw new UserError(`unknown preset ${name}; known: ${Object.keys(presets).join(", ")}`);
  return preset;
}
