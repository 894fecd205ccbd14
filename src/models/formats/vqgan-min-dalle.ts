import type { VqganConfig } from "../vqgan-config.ts";
import type { Format } from "./format.ts";
import { toOurs } from "./name-pairs.ts";
import type { VqganHints } from "./vqgan.ts";
import { vqganConfigFromShapes } from "./vqgan-shapes.ts";

/**
 * `detoker.pt` of kuprel/min-dalle (`models/vqgan_detokenizer.py`): dalle-mini's decoder alone. Pixels are in [0, 1], and
 * its GroupNorm has PyTorch's epsilon.
 */
export const minDalleVqgan: Format<VqganConfig, VqganHints> = {
  name: "min-dalle (decoder only)",
  matches: (weights) => weights.has("embedding.weight") && weights.has("decoder.conv_in.weight"),
  read: (network, { resolution }) => {
    const weights = toOurs(network, [{ theirs: "embedding.weight", ours: "quantize.embedding.weight" }]);
    return {
      config: vqganConfigFromShapes(weights, { resolution, pixelRange: "unit", groupNormEps: 1e-5 }),
      weights,
    };
  },
};
