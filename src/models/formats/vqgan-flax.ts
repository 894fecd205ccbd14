import type { Weights } from "../../io/weight.ts";
import type { VqganConfig } from "../vqgan-config.ts";
import type { Format } from "./format.ts";
import { toOurs, type NamePair } from "./name-pairs.ts";
import type { VqganHints } from "./vqgan.ts";
import { vqganConfigFromShapes } from "./vqgan-shapes.ts";

/** The names of patil-suraj/vqgan-jax beside ours: flax joins list places with an underscore, and kernels end in channels. */
export function flaxVqganNames(weights: Weights): NamePair[] {
  return Array.from(weights.keys(), (theirs): NamePair => {
    const ours = theirs
      .replace(/^((?:encoder|decoder)\.(?:down|up))_(\d+)\.(?:(block|attn)_(\d+)\.)?/, (_, side, level, kind, place) =>
        kind === undefined ? `${side}.${level}.` : `${side}.${level}.${kind}.${place}.`,
      )
      .replace(/\.(scale|kernel)$/, ".weight")
      .replace(/^quantize\.embedding\.embedding$/, "quantize.embedding.weight");
    return theirs.endsWith(".kernel") ? { theirs, ours, turn: "channels last" } : { theirs, ours };
  });
}

/** dalle-mini's VQGAN in flax (`dalle-mini/vqgan_imagenet_f16_16384`): pixels are in [0, 1]. */
export const flaxVqgan: Format<VqganConfig, VqganHints> = {
  name: "dalle-mini (flax)",
  matches: (weights) => weights.has("decoder.conv_in.kernel") && weights.has("quantize.embedding.embedding"),
  read: (network, { resolution }) => {
    const weights = toOurs(network, flaxVqganNames(network));
    return { config: vqganConfigFromShapes(weights, { resolution, pixelRange: "unit" }), weights };
  },
};
