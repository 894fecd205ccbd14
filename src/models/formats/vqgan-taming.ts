import type { Weights } from "../../io/weight.ts";
import type { VqganConfig } from "../vqgan-config.ts";
import type { Format } from "./format.ts";
import type { VqganHints } from "./vqgan.ts";
import { vqganConfigFromShapes } from "./vqgan-shapes.ts";

/**
 * `VQModel` and `GumbelVQ` of CompVis/taming-transformers: their names are ours. Lightning's checkpoints hold the loss
 * beside the model; those of a Net2Net transformer hold the VQGAN as its first stage.
 */
export const tamingVqgan: Format<VqganConfig, VqganHints> = {
  name: "taming-transformers",
  matches: (weights) => {
    const names = ownNames(weights);
    return (
      names.has("decoder.conv_in.weight") &&
      (names.has("quantize.embedding.weight") || names.has("quantize.embed.weight"))
    );
  },
  read: (all, { resolution }) => {
    const weights = new Map([...ownNames(all)].filter(([name]) => !name.startsWith("loss.")));
    return { config: vqganConfigFromShapes(weights, { resolution }), weights };
  },
};

function ownNames(weights: Weights): Weights {
  const prefix = "first_stage_model.";
  const inside = [...weights].filter(([name]) => name.startsWith(prefix));
  return inside.length === 0 ? weights : new Map(inside.map(([name, weight]) => [name.slice(prefix.length), weight]));
}
