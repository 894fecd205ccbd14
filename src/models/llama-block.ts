import { mergeHeads, splitHeads } from "../nn/attention.ts";
import { constant } from "../nn/init.ts";
import { Dropout, Linear } from "../nn/layers.ts";
import { Module } from "../nn/module.ts";
import { attention, cat, stack } from "../tensor/functions.generated.ts";
import type { Parameter } from "../tensor/parameter.ts";
import { keep, tidy } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { residualStd, type BlockContext, type Rotated } from "./gpt-block.ts";
import type { GptConfig } from "./gpt-config.ts";

/**
 * The transformer block of LlamaGen (Sun et al., arXiv 2406.06525; `autoregressive/models/gpt.py`): RMS norm, SwiGLU, no
 * biases, and positions that turn queries and keys by their place in the grid.
 * B batch, T new positions, H heads of d numbers, C width.
 */
export class LlamaBlock extends Module {
  norm1: RmsNorm;
  attention: RotatedSelfAttention;
  norm2: RmsNorm;
  mlp: SwiGlu;

  constructor(config: GptConfig) {
    super();
    this.norm1 = new RmsNorm(config.width);
    this.attention = new RotatedSelfAttention(config);
    this.norm2 = new RmsNorm(config.width);
    this.mlp = new SwiGlu(config);
  }

  forward(x: Tensor, context: BlockContext): Tensor {
    const attended = x.add(this.attention.forward(this.norm1.forward(x), context));
    return attended.add(this.mlp.forward(this.norm2.forward(attended)));
  }
}

class RotatedSelfAttention extends Module {
  qkv: Linear;
  proj: Linear;
  residualDropout: Dropout;
  readonly #heads: number;

  constructor({ width, heads, layers, dropout }: GptConfig) {
    super();
    this.qkv = new Linear(width, 3 * width, { std: 0.02, bias: false });
    this.proj = new Linear(width, width, { std: residualStd(layers), bias: false });
    this.residualDropout = new Dropout(dropout);
    this.#heads = heads;
  }

  forward(x: Tensor, { cached, rotation }: BlockContext): Tensor {
    const [q, k, v] = this.qkv
      .forward(x)
      .chunk(3, -1)
      .map((part) => splitHeads(part, this.#heads)); // (B, H, T, d)
    if (!q || !k || !v || !rotation)
      throw new Error("attention of this kind needs queries, keys, values and positions");
    const turned = cat([rotate(q, rotation), rotate(k, rotation), v].map(mergeHeads), -1);
    const attended = cached ? cached.cache.attend(cached.layer, turned) : attention(turned, this.#heads, true, 0);
    return this.residualDropout.forward(this.proj.forward(attended));
  }
}

/** Shazeer 2020 (arXiv 2002.05202): W₂ (silu(W₁ x) · W₃ x). */
class SwiGlu extends Module {
  fc1: Linear;
  fc3: Linear;
  fc2: Linear;
  dropout: Dropout;

  constructor({ width, layers, dropout, mlpWidth = 4 * width }: GptConfig) {
    super();
    this.fc1 = new Linear(width, mlpWidth, { std: 0.02, bias: false });
    this.fc3 = new Linear(width, mlpWidth, { std: 0.02, bias: false });
    this.fc2 = new Linear(mlpWidth, width, { std: residualStd(layers), bias: false });
    this.dropout = new Dropout(dropout);
  }

  forward(x: Tensor): Tensor {
    return this.dropout.forward(this.fc2.forward(this.fc1.forward(x).silu().mul(this.fc3.forward(x))));
  }
}

/** x / √(mean x² + ε), scaled (Zhang and Sennrich, arXiv 1910.07467). */
export class RmsNorm extends Module {
  weight: Parameter;
  readonly #eps: number;

  constructor(width: number, options: { eps?: number } = {}) {
    super();
    this.weight = constant([width], 1);
    this.#eps = options.eps ?? 1e-5;
  }

  forward(x: Tensor): Tensor {
    const wide = x.to("float32");
    const normed = wide.mul(wide.square().mean([-1], true).add(this.#eps).rsqrt());
    return normed.to(x.dtype).mul(this.weight.to(x.dtype));
  }
}

/** A sentence's features to the network's width, as LlamaGen has it: GELU in its tanh form, no biases. */
export class ConditionMlp extends Module {
  fc1: Linear;
  fc2: Linear;

  constructor(inputs: number, width: number) {
    super();
    this.fc1 = new Linear(inputs, width, { std: 0.02, bias: false });
    this.fc2 = new Linear(width, width, { std: 0.02, bias: false });
  }

  forward(x: Tensor): Tensor {
    return this.fc2.forward(this.fc1.forward(x).gelu({ approximate: "tanh" }));
  }
}

const BASE = 10_000;

/**
 * Rotary positions in two dimensions (Su et al., arXiv 2104.09864): half of a head's pairs turn by the row, half by the
 * column. The P vectors of a condition come first, and the reference turns them by zero *times* them: to nothing.
 */
export class Rotation {
  #cos: Tensor;
  #sin: Tensor;

  constructor({ tokenCount, width, heads }: GptConfig, conditionLength: number) {
    const side = Math.round(Math.sqrt(tokenCount));
    const pairs = width / heads / 2;
    if (side * side !== tokenCount || !Number.isInteger(pairs / 2)) {
      throw new Error(`${tokenCount} tokens and heads of ${2 * pairs} numbers have no positions in two dimensions`);
    }
    const frequency = (pair: number): number => BASE ** (-(pair % (pairs / 2)) / (pairs / 2));
    const angles = Array.from({ length: tokenCount }, (_, token) =>
      Array.from({ length: pairs }, (__, pair) => {
        const place = pair < pairs / 2 ? Math.floor(token / side) : token % side;
        return place * frequency(pair);
      }),
    ).flat();
    const table = (turn: (angle: number) => number): Tensor => {
      const nothing = Array.from({ length: conditionLength * pairs }, () => 0);
      return Tensor.from([...nothing, ...angles.map(turn)], [conditionLength + tokenCount, pairs]);
    };
    this.#cos = keep(table(Math.cos));
    this.#sin = keep(table(Math.sin));
  }

  /** The part for some positions, on the device of `like`. */
  at({ start, length }: { start: number; length: number }, like: Tensor): Rotated {
    this.#cos = keep(this.#cos.to(like.device));
    this.#sin = keep(this.#sin.to(like.device));
    return { cos: this.#cos.narrow(0, start, length), sin: this.#sin.narrow(0, start, length) };
  }

  dispose(): void {
    this.#cos.dispose();
    this.#sin.dispose();
  }
}

/** Turns every pair of neighbouring numbers: (B, H, T, d) → (B, H, T, d). */
function rotate(x: Tensor, { cos, sin }: Rotated): Tensor {
  return tidy(() => {
    const pairs = x.to("float32").reshape([...x.shape.slice(0, -1), -1, 2]); // (B, H, T, d / 2, 2)
    const [even, odd] = [pairs.select(-1, 0), pairs.select(-1, 1)];
    const turned = stack([even.mul(cos).sub(odd.mul(sin)), odd.mul(cos).add(even.mul(sin))], -1);
    return turned.flatten(3).to(x.dtype);
  });
}
