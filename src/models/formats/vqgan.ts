import { resolveModelPath } from "../../io/hub/hub-cache.ts";
import { join } from "node:path";
import { z } from "zod";
import { readJson } from "../../io/json.ts";
import { openWeights } from "../../io/weights-file.ts";
import { hasConfig, readConfig } from "../network-folder.ts";
import { vqganConfig, type VqganConfig } from "../vqgan-config.ts";
import { readAs, type Format, type Published } from "./format.ts";
import { flaxVqgan } from "./vqgan-flax.ts";
import { hfaiVqgan } from "./vqgan-hfai.ts";
import { llamaGenVqgan } from "./vqgan-llamagen.ts";
import { minDalleVqgan } from "./vqgan-min-dalle.ts";
import { tamingVqgan } from "./vqgan-taming.ts";
import { checkSettings, findSettings, readSettings, type TamingSettings } from "./taming-yaml.ts";

/** What `config.json` of a VQGAN calls itself. */
export const VQGAN_MODEL_TYPE = "clip_gen_vqgan";

/** What shapes cannot tell. */
export type VqganHints = {
  /** Side of the pictures in pixels. Default: what a configuration beside the weights says, or 256. */
  resolution?: number | undefined;
  /** taming-transformers' YAML file. Default: the one that lies beside the weights, if there is one. */
  settings?: string | undefined;
};

export const vqganFormats: readonly Format<VqganConfig, VqganHints>[] = [
  hfaiVqgan,
  llamaGenVqgan,
  flaxVqgan,
  minDalleVqgan,
  tamingVqgan,
];

/**
 * A folder of our own or of dalle-mini, or the weights file of a published VQGAN. No number is read.
 * Throws one error for everything else, and for a YAML file that describes other weights.
 */
export function readVqgan(given: string, hints: VqganHints = {}): Published<VqganConfig> {
  const path = resolveModelPath(given);
  const settings = settingsOf(path, hints);
  if (hasConfig(path) && settings === undefined) {
    const config = readConfig(path, { modelType: VQGAN_MODEL_TYPE, schema: vqganConfig });
    return { format: "clip-gen", config, weights: openWeights(path).weights };
  }
  const found = readAs(vqganFormats, openWeights(path).weights, {
    path,
    kind: "VQGAN",
    hints: { resolution: hints.resolution ?? settings?.resolution },
  });
  if (settings === undefined) return found;
  checkSettings(settings, found.config);
  const { dropout, beta, klWeight } = settings;
  return { ...found, config: { ...found.config, dropout, beta, klWeight } };
}

const dalleMini = z.looseObject({ n_embed: z.number(), ch: z.number() });

/** The configuration that lies beside published weights: taming-transformers' YAML, or dalle-mini's `config.json`. */
function settingsOf(path: string, hints: VqganHints): TamingSettings | undefined {
  if (!hasConfig(path)) {
    const file = hints.settings ?? findSettings(path);
    return file === undefined ? undefined : readSettings(file);
  }
  const file = join(path, "config.json");
  const json = dalleMini.safeParse(readJson(file));
  return json.success ? readSettings(file) : undefined;
}
