import { noGrad } from "../tensor/autograd.ts";
import { stack } from "../tensor/functions.generated.ts";
import type { Parameter } from "../tensor/parameter.ts";
import { tidy } from "../tensor/scope.ts";

/**
 * Scales all gradients so that their common L2 norm is at most `maxNorm`, and gives the norm that they had
 * (Pascanu et al. 2013; PyTorch's `clip_grad_norm_`).
 */
export function clipGradNorm(parameters: readonly Parameter[], maxNorm: number): number {
  return noGrad(() =>
    tidy(() => {
      const gradients = parameters.flatMap((parameter) => parameter.grad ?? []);
      if (gradients.length === 0) return 0;
      const norm = stack(gradients.map((gradient) => gradient.vectorNorm()))
        .vectorNorm()
        .item();
      if (norm > maxNorm) for (const gradient of gradients) gradient.mul_(maxNorm / (norm + 1e-6));
      return norm;
    }),
  );
}
