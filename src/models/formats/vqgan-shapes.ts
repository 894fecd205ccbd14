import type { Weights } from "../../io/weight.ts";
import { vqganPresets, type VqganConfig } from "../vqgan-config.ts";
import { countLayers, sizeOf } from "./name-pairs.ts";

const NETWORK = "a VQGAN";
const RESOLUTION = 256;

/**
 * A VQGAN's configuration from the shapes of its weights, under our names. What shapes cannot tell is as published
 * (taming-transformers), unless it is given. Throws where a weight is missing.
 */
export function vqganConfigFromShapes(
  weights: Weights,
  given: Partial<Pick<VqganConfig, "groupNormEps" | "pixelRange" | "normalizeCodebook" | "beta">> & {
    resolution?: number | undefined;
  },
): VqganConfig {
  const size = (name: string, axis: number): number => sizeOf(weights, name, axis, NETWORK);
  const decoderOnly = !weights.has("encoder.conv_in.weight");
  const gumbel = weights.has("quantize.embed.weight");
  const codebook = gumbel ? "quantize.embed.weight" : "quantize.embedding.weight";
  const levels = Array.from({ length: countLayers(weights, /^decoder\.up\.(\d+)\./) }, (_, level) => level);
  const channels = levels.map((level) => size(`decoder.up.${level}.block.0.conv1.weight`, 0));
  const ch = decoderOnly ? (channels[0] ?? 0) : size("encoder.conv_in.weight", 0);
  const chMult = channels.map((count) => count / ch);
  if (levels.length === 0 || !chMult.every((mult) => Number.isInteger(mult))) {
    throw new Error(`the levels of this VQGAN have [${channels.join(", ")}] channels, no multiples of ${ch}`);
  }
  const { resolution = RESOLUTION, ...others } = given;
  const zChannels = size("decoder.conv_in.weight", 1);
  const attends = levels.filter((level) => weights.has(`decoder.up.${level}.attn.0.norm.weight`));
  return {
    ...vqganPresets.paper,
    ...others,
    resolution,
    inChannels: decoderOnly ? 3 : size("encoder.conv_in.weight", 1),
    outCh: size("decoder.conv_out.weight", 0),
    ch,
    chMult,
    numResBlocks: countLayers(weights, /^decoder\.up\.0\.block\.(\d+)\./) - 1,
    attnResolutions: attends.map((level) => Math.floor(resolution / 2 ** level)),
    zChannels,
    doubleZ: !decoderOnly && size("encoder.conv_out.weight", 0) === 2 * zChannels,
    codebookSize: size(codebook, 0),
    embedDim: size(codebook, 1),
    quantizer: gumbel ? "gumbel" : "nearest",
    decoderOnly,
  };
}
