import { Generator } from "../../src/tensor/random.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import type { OperatorCases } from "./case.ts";

const three = (): Tensor => Tensor.from([0, 0, 0]);

/** Operators that work element by element, and those that work in place. */
export const arithmetic: OperatorCases = {
  add: [
    {
      inputs: [
        [1, 2],
        [10, 20],
      ],
      run: (x, y) => x.add(y, { alpha: 2 }),
      expected: [21, 42],
    },
    { inputs: [[1, 2]], run: (x) => x.add(0.5), expected: [1.5, 2.5] },
    {
      inputs: [
        [
          [1, 2],
          [3, 4],
        ],
        [10, 20],
      ],
      run: (x, y) => x.add(y),
      expected: [
        [11, 22],
        [13, 24],
      ],
    },
  ],
  sub: [
    {
      inputs: [
        [5, 7],
        [1, 2],
      ],
      run: (x, y) => x.sub(y),
      expected: [4, 5],
    },
    { inputs: [[5, 7]], run: (x) => x.sub(1, { alpha: 3 }), expected: [2, 4] },
  ],
  mul: [
    {
      inputs: [
        [2, 3],
        [4, -5],
      ],
      run: (x, y) => x.mul(y),
      expected: [8, -15],
    },
    { inputs: [[2, 3]], run: (x) => x.mul(-1.5), expected: [-3, -4.5] },
  ],
  div: [
    {
      inputs: [
        [1, -9],
        [4, 3],
      ],
      run: (x, y) => x.div(y),
      expected: [0.25, -3],
    },
    { inputs: [[1, -9]], run: (x) => x.div(2), expected: [0.5, -4.5] },
  ],
  pow: [
    { inputs: [[2, -3]], run: (x) => x.pow(3), expected: [8, -27] },
    { inputs: [[4, 0.25]], run: (x) => x.pow(-0.5), expected: [0.5, 2] },
  ],
  neg: [{ inputs: [[1, -2]], run: (x) => x.neg(), expected: [-1, 2] }],
  exp: [{ inputs: [[0, 1]], run: (x) => x.exp(), expected: [1, Math.E] }],
  log: [{ inputs: [[1, 2]], run: (x) => x.log(), expected: [0, Math.LN2] }],
  sqrt: [{ inputs: [[4, 2]], run: (x) => x.sqrt(), expected: [2, Math.SQRT2] }],
  rsqrt: [{ inputs: [[4, 0.25]], run: (x) => x.rsqrt(), expected: [0.5, 2] }],
  abs: [{ inputs: [[-2, 3]], run: (x) => x.abs(), expected: [2, 3] }],
  square: [{ inputs: [[-3, 0.5]], run: (x) => x.square(), expected: [9, 0.25] }],
  sign: [{ inputs: [[-2, 3]], run: (x) => x.sign(), expected: [-1, 1] }],
  floor: [{ inputs: [[-1.5, 2.7]], run: (x) => x.floor(), expected: [-2, 2] }],
  round: [
    { inputs: [[-1.6, 2.4]], run: (x) => x.round(), expected: [-2, 2] },
    // Halves go to the even neighbour; the function jumps there.
    { inputs: [[0.5, 1.5, 2.5]], run: (x) => x.round(), expected: [0, 2, 2], gradient: false },
  ],
  sigmoid: [{ inputs: [[0, 2]], run: (x) => x.sigmoid(), expected: [0.5, 0.8807970779778823] }],
  tanh: [{ inputs: [[0, 1]], run: (x) => x.tanh(), expected: [0, 0.7615941559557649] }],
  asin: [{ inputs: [[0.5, -0.8]], run: (x) => x.asin(), expected: [Math.PI / 6, -0.9272952180016122] }],
  relu: [{ inputs: [[-1, 2]], run: (x) => x.relu(), expected: [0, 2] }],
  gelu: [
    { inputs: [[1, -1]], run: (x) => x.gelu(), expected: [0.8413447460685429, -0.15865525393145707] },
    {
      inputs: [[1, -1]],
      run: (x) => x.gelu({ approximate: "tanh" }),
      expected: [0.8411919906082768, -0.15880800939172324],
    },
  ],
  silu: [{ inputs: [[1, -1]], run: (x) => x.silu(), expected: [0.7310585786300049, -0.2689414213699951] }],
  softplus: [
    { inputs: [[0, 30]], run: (x) => x.softplus(), expected: [Math.LN2, 30] },
    { inputs: [[1]], run: (x) => x.softplus(2), expected: [1.0634640055214863] },
  ],
  leakyRelu: [
    { inputs: [[-2, 3]], run: (x) => x.leakyRelu(), expected: [-0.02, 3] },
    { inputs: [[-2, 3]], run: (x) => x.leakyRelu(0.2), expected: [-0.4, 3] },
  ],
  clamp: [
    { inputs: [[-2, 0.5, 3]], run: (x) => x.clamp(-1, 1), expected: [-1, 0.5, 1] },
    { inputs: [[-2, 0.5, 3]], run: (x) => x.clamp(null, 1), expected: [-2, 0.5, 1] },
  ],
  maximum: [
    {
      inputs: [
        [1, 5],
        [2, 3],
      ],
      run: (x, y) => x.maximum(y),
      expected: [2, 5],
    },
  ],
  minimum: [
    {
      inputs: [
        [1, 5],
        [2, 3],
      ],
      run: (x, y) => x.minimum(y),
      expected: [1, 3],
    },
  ],
  lerp: [
    {
      inputs: [
        [0, 10],
        [10, 20],
      ],
      run: (x, y) => x.lerp(y, 0.25),
      expected: [2.5, 12.5],
    },
  ],

  add_: [
    {
      inputs: [
        [1, 2],
        [10, 20],
      ],
      run: (x, y) => x.clone().add_(y, { alpha: 2 }),
      expected: [21, 42],
    },
    { inputs: [[1, 2]], run: (x) => x.clone().add_(0.5), expected: [1.5, 2.5] },
  ],
  sub_: [
    {
      inputs: [
        [5, 7],
        [1, 2],
      ],
      run: (x, y) => x.clone().sub_(y),
      expected: [4, 5],
    },
    { inputs: [[5, 7]], run: (x) => x.clone().sub_(1), expected: [4, 6] },
  ],
  mul_: [
    {
      inputs: [
        [2, 3],
        [4, -5],
      ],
      run: (x, y) => x.clone().mul_(y),
      expected: [8, -15],
    },
    { inputs: [[2, 3]], run: (x) => x.clone().mul_(-1.5), expected: [-3, -4.5] },
  ],
  div_: [
    {
      inputs: [
        [1, -9],
        [4, 3],
      ],
      run: (x, y) => x.clone().div_(y),
      expected: [0.25, -3],
    },
    { inputs: [[1, -9]], run: (x) => x.clone().div_(2), expected: [0.5, -4.5] },
  ],
  addcmul_: [
    {
      inputs: [
        [1, 1],
        [2, 3],
        [4, 5],
      ],
      run: (x, y, z) => x.clone().addcmul_(y, z, { value: 0.5 }),
      expected: [5, 8.5],
    },
  ],
  addcdiv_: [
    {
      inputs: [
        [1, 1],
        [2, 3],
        [4, 6],
      ],
      run: (x, y, z) => x.clone().addcdiv_(y, z, { value: 2 }),
      expected: [2, 2],
    },
  ],
  lerp_: [
    {
      inputs: [
        [0, 10],
        [10, 20],
      ],
      run: (x, y) => x.clone().lerp_(y, 0.25),
      expected: [2.5, 12.5],
    },
  ],
  sqrt_: [{ inputs: [[4, 2]], run: (x) => x.clone().sqrt_(), expected: [2, Math.SQRT2] }],
  zero_: [{ inputs: [[4, 2]], run: (x) => x.clone().zero_(), expected: [0, 0] }],
  fill_: [{ inputs: [[4, 2]], run: (x) => x.clone().fill_(7), expected: [7, 7] }],
  copy_: [
    {
      inputs: [
        [4, 2],
        [1, 3],
      ],
      run: (x, y) => x.clone().copy_(y),
      expected: [1, 3],
    },
  ],
  // What PyTorch draws after torch.manual_seed(0).
  normal_: [
    {
      inputs: [],
      run: () => three().normal_(10, 2, { generator: new Generator(0) }),
      expected: [13.0819921, 9.41314221, 5.64242077],
      dtype: "float32",
      gradient: false,
    },
  ],
  uniform_: [
    {
      inputs: [],
      run: () => three().uniform_(-1, 1, { generator: new Generator(0) }),
      expected: [-0.0074868, 0.5364441, -0.8230451],
      dtype: "float32",
      gradient: false,
    },
  ],
  bernoulli_: [
    {
      inputs: [],
      run: () => [three().bernoulli_(1), three().bernoulli_(0)],
      expected: [
        [1, 1, 1],
        [0, 0, 0],
      ],
      dtype: ["float32", "float32"],
      gradient: false,
    },
  ],
};
