import type { Weights } from "../../io/weight.ts";
import type { VqganConfig } from "../vqgan-config.ts";
import type { Format } from "./format.ts";
import { countLayers, toOurs, type NamePair } from "./name-pairs.ts";
import type { VqganHints } from "./vqgan.ts";
import { vqganConfigFromShapes } from "./vqgan-shapes.ts";

const middle = ["block_1", "attn_1", "block_2"] as const;

/** LlamaGen's names (`tokenizer/tokenizer_image/vq_model.py`) beside ours; its decoder counts levels from the deepest. */
export function llamaGenVqganNames(weights: Weights): NamePair[] {
  const last = countLayers(weights, /^decoder\.conv_blocks\.(\d+)\./) - 1;
  return Array.from(weights.keys(), (theirs) => {
    const ours = theirs
      .replace(/^encoder\.conv_blocks\./, "encoder.down.")
      .replace(/^decoder\.conv_blocks\.(\d+)/, (_, level: string) => `decoder.up.${last - Number(level)}`)
      .replace(/^((?:encoder\.down|decoder\.up)\.\d+)\.res\./, "$1.block.")
      .replace(/^((?:encoder|decoder)\.mid)\.(\d+)/, (_, at: string, i: string) => `${at}.${middle[Number(i)] ?? i}`);
    return { theirs, ours };
  });
}

/** LlamaGen's VQ tokenizers (Sun et al., arXiv 2406.06525): codes and latents on the unit sphere. */
export const llamaGenVqgan: Format<VqganConfig, VqganHints> = {
  name: "LlamaGen",
  matches: (weights) => weights.has("encoder.conv_blocks.0.res.0.norm1.weight"),
  read: (all, { resolution }) => {
    // The last tokens that training saw.
    const network = new Map([...all].filter(([name]) => name !== "quantize.codebook_used"));
    const weights = toOurs(network, llamaGenVqganNames(network));
    const config = vqganConfigFromShapes(weights, { resolution, normalizeCodebook: true });
    return { config: { ...config, legacy: false }, weights };
  },
};
