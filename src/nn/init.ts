import { callOperator } from "../tensor/operator.ts";
import { full, zeros as zerosOf } from "../tensor/functions.generated.ts";
import { Parameter } from "../tensor/parameter.ts";
import { Tensor } from "../tensor/tensor.ts";
import { tidy } from "../tensor/scope.ts";

let skipped = false;

/** Builds modules whose weights are about to be loaded: their random start is left out. */
export function withoutInit<T>(build: () => T): T {
  const before = skipped;
  skipped = true;
  try {
    return build();
  } finally {
    skipped = before;
  }
}

function made(shape: readonly number[], fill: (values: Tensor) => Tensor): Parameter {
  return tidy(() => {
    const empty = callOperator("aten::empty.memory_format", shape);
    if (!(empty instanceof Tensor)) throw new TypeError("aten::empty gave no tensor");
    return new Parameter(skipped ? empty : fill(empty));
  });
}

/** A parameter drawn from N(0, std²). */
export function normal(shape: readonly number[], std: number): Parameter {
  return made(shape, (values) => values.normal_(0, std));
}

/** A parameter drawn from U(−bound, bound). */
export function uniform(shape: readonly number[], bound: number): Parameter {
  return made(shape, (values) => values.uniform_(-bound, bound));
}

/** PyTorch's default for linear and convolution weights and biases: U(−1/√fanIn, 1/√fanIn). */
export function fanIn(shape: readonly number[], inputs: number): Parameter {
  return uniform(shape, 1 / Math.sqrt(inputs));
}

export function zeros(shape: readonly number[]): Parameter {
  return tidy(() => new Parameter(zerosOf(shape)));
}

export function constant(shape: readonly number[], value: number): Parameter {
  return tidy(() => new Parameter(full(shape, value, { dtype: "float32" })));
}
