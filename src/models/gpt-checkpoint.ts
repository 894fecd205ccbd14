import { noGrad } from "../tensor/autograd.ts";
import { randomState, setRandomState } from "../tensor/random.ts";
import { tidy } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Gpt, PassOptions } from "./gpt.ts";

/** Logits, and what remains to be done once their loss has been back-propagated. */
export type CheckpointedPass = { logits: Tensor; backward(): void };

/**
 * A forward pass that keeps of every block only its input; `backward` computes the blocks again, from the last to the first,
 * with the same dropout (Chen et al. 2016, arXiv 1604.06174). A third more arithmetic, a fraction of the memory; the
 * gradients are those of the plain pass.
 *
 * ```ts
 * const pass = checkpointedForward(gpt, tokens, condition);
 * crossEntropy(pass.logits, targets).backward();
 * pass.backward();
 * ```
 */
export function checkpointedForward(
  gpt: Gpt,
  tokens: Tensor,
  condition: Tensor,
  { order }: Pick<PassOptions, "order"> = {},
): CheckpointedPass {
  const { device } = gpt;
  const embedded = gpt.embed(tokens, condition, { order }); // (B, T, C)
  const steps: { input: Tensor; random: Uint8Array }[] = [];
  let x = embedded.detach();
  for (const block of gpt.blocks) {
    steps.push({ input: x, random: randomState(device) });
    x = noGrad(() => tidy(() => block.forward(x, gpt.blockContext(x))));
  }
  const last = x.detach().setRequiresGrad(true);
  const backward = (): void => {
    const after = randomState(device);
    let upstream = gradientOf(last);
    for (const [i, block] of gpt.blocks.toReversed().entries()) {
      const step = steps.at(-1 - i);
      if (!step) throw new Error("a block without an input");
      setRandomState(step.random, device);
      upstream = tidy(() => {
        const input = step.input.detach().setRequiresGrad(true);
        pull(block.forward(input, gpt.blockContext(input)), upstream);
        return gradientOf(input);
      });
    }
    pull(embedded, upstream);
    setRandomState(after, device);
  };
  return { logits: gpt.predict(last), backward };
}

/** Back-propagates a gradient from a tensor. */
function pull(from: Tensor, gradient: Tensor): void {
  from.mul(gradient).sum().backward();
}

function gradientOf(tensor: Tensor): Tensor {
  const { grad } = tensor;
  if (!grad) throw new Error("call the loss's backward() before the pass's");
  return grad;
}
