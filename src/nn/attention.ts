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
 * softmax(q kᵀ / √d + mask) v. q (B, H, T, d), k and v (B, H, S, d); mask broadcasts to (B, H, T, S) and is added
 * (−∞ where a key must not be seen). Source: Vaswani et al. 2017, section 3.2.1.
 */
export function scaledDotProductAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  options: { mask?: Tensor | undefined } = {},
): Tensor {
  let scores = q.mul(1 / Math.sqrt(q.size(-1))).matmul(k.transpose(-2, -1)); // (B, H, T, S)
  if (options.mask) scores = scores.add(options.mask.to(scores.dtype));
  return scores.softmax(-1).matmul(v);
}
