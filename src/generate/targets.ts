import { noGrad } from "../tensor/autograd.ts";
import { cat } from "../tensor/functions.generated.ts";
import { keep, tidy } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** N things to draw. Dispose of them when done. */
export class Targets {
  /** (N, D): the unit embeddings that CLIP gives them; a drawing's score is its cosine with its own. */
  readonly embedding: Tensor;
  /** (N, D): what the GPT draws from: the same, or what `Gpt.conditionOfText` makes of sentences'. */
  readonly condition: Tensor;

  constructor(embedding: Tensor, condition = embedding) {
    this.embedding = embedding;
    this.condition = condition;
  }

  /** N */
  get count(): number {
    return this.embedding.size(0);
  }

  /** One after the other. */
  static cat(parts: readonly Targets[]): Targets {
    const embedding = kept(() => cat(parts.map((part) => part.embedding)));
    if (parts.every((part) => part.condition === part.embedding)) return new Targets(embedding);
    return new Targets(
      embedding,
      kept(() => cat(parts.map((part) => part.condition))),
    );
  }

  /** New ones, by the same change of embeddings and conditions. */
  map(change: (rows: Tensor) => Tensor): Targets {
    const embedding = kept(() => change(this.embedding));
    if (this.condition === this.embedding) return new Targets(embedding);
    return new Targets(
      embedding,
      kept(() => change(this.condition)),
    );
  }

  dispose(): void {
    this.embedding.dispose();
    this.condition.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function kept(make: () => Tensor): Tensor {
  return keep(noGrad(() => tidy(make)));
}
