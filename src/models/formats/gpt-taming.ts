import { readWeight, type Weight, type Weights } from "../../io/weight.ts";
import type { GptConfig } from "../gpt-config.ts";
import type { Format } from "./format.ts";
import type { GptHints } from "./gpt.ts";
import { countLayers, pairsBelow, sizeOf, toOurs, type NamePair } from "./name-pairs.ts";

const NETWORK = "taming-transformers' GPT";
const LEAVES = ["weight", "bias"] as const;

/** The names of `mingpt.GPT` beside ours, for this many layers. */
export function tamingGptNames(layers: number): NamePair[] {
  const blocks = Array.from({ length: layers }, (_, layer): NamePair[] => {
    const [theirs, ours] = [`blocks.${layer}`, `blocks.${layer}`];
    // Our three projections are one matrix: queries, keys, values.
    const qkv = LEAVES.flatMap((leaf) =>
      ["query", "key", "value"].map((name, index) => ({
        theirs: `${theirs}.attn.${name}.${leaf}`,
        ours: `${ours}.attention.qkv.${leaf}`,
        part: { of: "ours" as const, index, count: 3 },
      })),
    );
    return [
      ...qkv,
      ...pairsBelow(`${theirs}.ln1`, `${ours}.norm1`, LEAVES),
      ...pairsBelow(`${theirs}.ln2`, `${ours}.norm2`, LEAVES),
      ...pairsBelow(`${theirs}.attn.proj`, `${ours}.attention.proj`, LEAVES),
      ...pairsBelow(`${theirs}.mlp.0`, `${ours}.mlp.fc1`, LEAVES),
      ...pairsBelow(`${theirs}.mlp.2`, `${ours}.mlp.fc2`, LEAVES),
    ];
  });
  return [
    { theirs: "tok_emb.weight", ours: "token_embedding.weight" },
    { theirs: "pos_emb", ours: "position_embedding", turn: "batched" },
    ...blocks.flat(),
    ...pairsBelow("ln_f", "norm", LEAVES),
    { theirs: "head.weight", ours: "head.weight" },
  ];
}

/**
 * The transformer of taming-transformers' `Net2NetTransformer` (`taming/modules/transformer/mingpt.py`), alone or in its
 * checkpoint beside the VQGAN. It has no CLIP in it: what it is conditioned on are vectors of its own width (an embedded
 * class token, for one), so it serves as the start of a GPT that learns from CLIP, and as what it was.
 */
export const tamingGpt: Format<GptConfig, GptHints> = {
  name: "taming-transformers",
  matches: (weights) => {
    const names = ownNames(weights);
    return names.has("blocks.0.attn.query.weight") && names.has("tok_emb.weight");
  },
  read: (all, hints) => {
    const weights = ownNames(all);
    for (const [name, mask] of weights) if (/^blocks\.\d+\.attn\.mask$/.test(name)) requireCausal(name, mask);
    const network = new Map([...weights].filter(([name]) => !/^blocks\.\d+\.attn\.mask$/.test(name)));
    const layers = countLayers(network, /^blocks\.(\d+)\./);
    return { config: configOf(network, { layers, ...hints }), weights: toOurs(network, tamingGptNames(layers)) };
  },
};

/** In a Net2Net checkpoint the transformer lies beside the networks that it was trained with. */
function ownNames(weights: Weights): Weights {
  const inside = [...weights].filter(([name]) => name.startsWith("transformer."));
  return inside.length === 0 ? weights : new Map(inside.map(([name, weight]) => [name.slice(12), weight]));
}

/** The reference can leave the first positions unmasked (`n_unmasked`); the mask in the file is the only trace of it. */
function requireCausal(name: string, mask: Weight): void {
  const [rows = 0, columns = 0] = mask.shape.slice(-2);
  const { dtype, data } = readWeight(name, mask);
  if (dtype !== "float32") return;
  const values = new Float32Array(data.buffer, data.byteOffset, data.byteLength / 4);
  for (let row = 0; row < rows; row += 1) {
    for (let column = row + 1; column < columns; column += 1) {
      if (values[row * columns + column] !== 0) {
        throw new Error(`${name} lets position ${row} see position ${column}: a GPT with n_unmasked is not supported`);
      }
    }
  }
}

function configOf(weights: Weights, { layers, heads }: GptHints & { layers: number }): GptConfig {
  const width = sizeOf(weights, "tok_emb.weight", 1, NETWORK);
  const mlpWidth = sizeOf(weights, "blocks.0.mlp.0.weight", 0, NETWORK);
  return {
    codebookSize: sizeOf(weights, "tok_emb.weight", 0, NETWORK),
    tokenCount: sizeOf(weights, "pos_emb", 1, NETWORK),
    conditionDim: width,
    layers,
    heads: heads ?? Math.max(1, Math.floor(width / 64)),
    width,
    dropout: 0,
    conditionProj: "none",
    headBias: false,
    ...(mlpWidth !== 4 * width && { mlpWidth }),
  };
}
