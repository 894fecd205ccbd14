import type { VqganConfig } from "../src/models/vqgan-config.ts";
import type { Tensor } from "../src/tensor/tensor.ts";

const fixed: Readonly<Record<string, string>> = {
  "encoder.final.0": "encoder.norm_out",
  "encoder.final.2": "encoder.conv_out",
  "encoder.final.3": "quant_conv",
  "decoder.quant_conv_in": "post_quant_conv",
  "decoder.final.0": "decoder.norm_out",
  "decoder.final.2": "decoder.conv_out",
  "quantizer.embedding": "quantize.embedding",
  ...Object.fromEntries(
    ["encoder", "decoder"].flatMap((side) =>
      ["block_1", "attn_1", "block_2"].map((part, i) => [`${side}.mid.${i}`, `${side}.mid.${part}`]),
    ),
  ),
};

const insideBlock: Readonly<Record<string, string>> = {
  "block.0": "norm1",
  "block.2": "conv1",
  "block.3": "norm2",
  "block.6": "conv2",
  shortcut: "nin_shortcut",
};

/**
 * The autoencoder in HFAiLab/clip-gen's `vqgan_coco.pt` under the names of taming-transformers. There the blocks of all
 * levels stand in one list, and q, k and v in one matrix.
 */
export function hfaiVqganStateDict(
  state: ReadonlyMap<string, Tensor>,
  config: Pick<VqganConfig, "chMult" | "numResBlocks" | "attnResolutions" | "resolution">,
): Map<string, Tensor> {
  const places = new Map(Object.entries({ ...fixed, ...placesOfLevels(config) }));
  const named = new Map<string, Tensor>();
  for (const [name, tensor] of state) {
    if (name.startsWith("discriminator.")) continue;
    // The longest prefix that is known: a part of the network.
    const part = [...places.keys()].find((key) => name.startsWith(`${key}.`)) ?? "";
    const place = places.get(part) ?? "";
    const rest = part === "" ? name : name.slice(part.length + 1);
    const kernel = tensor.shape.length === 2 ? tensor.unsqueeze(-1).unsqueeze(-1) : tensor;
    if (rest.startsWith("attn.in_proj_")) {
      const leaf = rest.slice("attn.in_proj_".length);
      for (const [i, third] of kernel.chunk(3, 0).entries()) named.set(`${place}.${["q", "k", "v"][i]}.${leaf}`, third);
    } else if (rest.startsWith("attn.out_proj.")) {
      named.set(`${place}.proj_out.${rest.slice("attn.out_proj.".length)}`, kernel);
    } else {
      const dot = rest.lastIndexOf(".");
      const inside = insideBlock[rest.slice(0, dot)];
      const leaf = inside === undefined ? rest : `${inside}${rest.slice(dot)}`;
      named.set(place === "" ? leaf : `${place}.${leaf}`, tensor);
    }
  }
  return named;
}

/** Where the entries of `encoder.down` and `decoder.up` stand. */
function placesOfLevels(config: Parameters<typeof hfaiVqganStateDict>[1]): Record<string, string> {
  const { chMult, numResBlocks, attnResolutions, resolution } = config;
  const last = chMult.length - 1;
  const blocksOf = (level: number, count: number): string[] =>
    Array.from({ length: count }, (_, i) => {
      const attends = attnResolutions.includes(resolution / 2 ** level);
      return attends ? [`block.${i}`, `attn.${i}`] : [`block.${i}`];
    }).flat();
  const levels = Array.from(chMult.keys());
  const down = levels.flatMap((level) => {
    const parts = [...blocksOf(level, numResBlocks), ...(level < last ? ["downsample"] : [])];
    return parts.map((part) => `encoder.down.${level}.${part}`);
  });
  const up = levels.toReversed().flatMap((level) => {
    const parts = [...blocksOf(level, numResBlocks + 1), ...(level > 0 ? ["upsample"] : [])];
    return parts.map((part) => `decoder.up.${level}.${part}`);
  });
  return Object.fromEntries([
    ...down.map((place, i) => [`encoder.down.${i}`, place]),
    ...up.map((place, i) => [`decoder.up.${i}`, place]),
  ]);
}
