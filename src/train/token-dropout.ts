import { where } from "../tensor/functions.generated.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { randintRows, randRows } from "./step-random.ts";

/**
 * A share of the tokens that go in replaced by random ones. Few tokens suffice to tell a training picture from all others, so
 * that a GPT soon knows the rest by heart and hardly looks at the condition; where it cannot trust the tokens before, it has to
 * (word dropout: Bowman et al. 2016, arXiv 1511.06349, section 3.1). (B, T) → (B, T)
 */
export function dropTokens(tokens: Tensor, share: number, codebookSize: number): Tensor {
  if (share === 0) return tokens;
  const { device, shape } = tokens;
  const others = randintRows(codebookSize, shape, { device, dtype: tokens.dtype });
  return where(randRows(shape, { device }).ge(share), tokens, others);
}
