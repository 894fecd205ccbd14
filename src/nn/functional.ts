import type { Tensor } from "../tensor/tensor.ts";

/** x / max(‖x‖₂, 1e-12) along the last dimension, as `torch.nn.functional.normalize`. (…, D) → (…, D) */
export function normalize(x: Tensor): Tensor {
  return x.div(x.vectorNorm(2, [-1], true).clamp(1e-12));
}
