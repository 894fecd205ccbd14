import { cat, linear } from "../tensor/functions.generated.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** (B, T, C) → (B, heads, T, C / heads) */
export function splitHeads(x: Tensor, heads: number): Tensor {
  const [batch, length, width] = [x.size(0), x.size(1), x.size(2)];
  return x.view([batch, length, heads, width / heads]).transpose(1, 2);
}

/** (B, heads, T, d) → (B, T, heads · d) */
export function mergeHeads(x: Tensor): Tensor {
  const [batch, heads, length, width] = [x.size(0), x.size(1), x.size(2), x.size(3)];
  return x.transpose(1, 2).reshape([batch, length, heads * width]);
}

/**
 * Queries, keys and values as one product in place of three, whose weights are narrow beside what they multiply.
 * Layers are linear ones or 1×1 convolutions, which are the same for rows. (B, T, C) → (B, T, 3 · C), side by side
 */
export function projectTogether(x: Tensor, layers: readonly { weight: Tensor; bias: Tensor | undefined }[]): Tensor {
  const weight = cat(layers.map((layer) => layer.weight.flatten(1)));
  const bias = cat(layers.flatMap((layer) => layer.bias ?? []));
  return linear(x, weight, { bias });
}

/** softmax(q kᵀ / √d) v. q (B, H, T, d), k and v (B, H, S, d). Source: Vaswani et al. 2017, section 3.2.1. */
export function scaledDotProductAttention(q: Tensor, k: Tensor, v: Tensor): Tensor {
  const scores = q.mul(1 / Math.sqrt(q.size(-1))).matmul(k.transpose(-2, -1)); // (B, H, T, S)
  return scores.softmax(-1).matmul(v);
}
