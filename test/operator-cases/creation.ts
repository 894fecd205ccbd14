import {
  arange,
  cat,
  empty,
  eye,
  full,
  ones,
  rand,
  randint,
  randn,
  stack,
  zeros,
} from "../../src/tensor/functions.generated.ts";
import { Generator } from "../../src/tensor/random.ts";
import type { OperatorCases } from "./case.ts";

/** Operators that make tensors. The random numbers are what PyTorch draws after torch.manual_seed(0). */
export const creation: OperatorCases = {
  cat: [
    { inputs: [[1, 2], [3]], run: (x, y) => cat([x, y]), expected: [1, 2, 3] },
    {
      inputs: [
        [[1], [2]],
        [[3], [4]],
      ],
      run: (x, y) => cat([x, y], -1),
      expected: [
        [1, 3],
        [2, 4],
      ],
    },
  ],
  stack: [
    {
      inputs: [
        [1, 2],
        [3, 4],
      ],
      run: (x, y) => stack([x, y]),
      expected: [
        [1, 2],
        [3, 4],
      ],
    },
    {
      inputs: [
        [1, 2],
        [3, 4],
      ],
      run: (x, y) => stack([x, y], 1),
      expected: [
        [1, 3],
        [2, 4],
      ],
    },
  ],
  // Whatever memory held: only its shape is known.
  empty: [{ inputs: [], run: () => empty([2, 0]), expected: [[], []], dtype: "float32", gradient: false }],
  zeros: [
    { inputs: [], run: () => zeros([2, 1], { dtype: "int64" }), expected: [[0], [0]], dtype: "int64", gradient: false },
  ],
  ones: [{ inputs: [], run: () => ones([2]), expected: [1, 1], dtype: "float32", gradient: false }],
  full: [
    { inputs: [], run: () => full([2], 2.5, { dtype: "float64" }), expected: [2.5, 2.5], gradient: false },
    // A whole number is an integer, as 2 is in Python.
    { inputs: [], run: () => full([2], 2), expected: [2, 2], dtype: "int64", gradient: false },
  ],
  arange: [
    { inputs: [], run: () => arange(2, 8, 3), expected: [2, 5], dtype: "int64", gradient: false },
    {
      inputs: [],
      run: () => arange(0, 1, 0.25, { dtype: "float32" }),
      expected: [0, 0.25, 0.5, 0.75],
      dtype: "float32",
      gradient: false,
    },
  ],
  eye: [
    {
      inputs: [],
      run: () => eye(2),
      expected: [
        [1, 0],
        [0, 1],
      ],
      dtype: "float32",
      gradient: false,
    },
  ],
  randn: [
    {
      inputs: [],
      run: () => randn([3], { generator: new Generator(0) }),
      expected: [1.54099607, -0.2934289, -2.17878938],
      dtype: "float32",
      gradient: false,
    },
  ],
  rand: [
    {
      inputs: [],
      run: () => rand([3], { generator: new Generator(0) }),
      expected: [0.49625659, 0.7682218, 0.08847743],
      dtype: "float32",
      gradient: false,
    },
  ],
  randint: [
    {
      inputs: [],
      run: () => randint(0, 10, [3], { generator: new Generator(0) }),
      expected: [4, 9, 3],
      dtype: "int64",
      gradient: false,
    },
  ],
  zerosLike: [{ inputs: [[1, 2]], run: (x) => x.zerosLike(), expected: [0, 0], gradient: false }],
  onesLike: [
    { inputs: [[1, 2]], run: (x) => x.onesLike({ dtype: "uint8" }), expected: [1, 1], dtype: "uint8", gradient: false },
  ],
};
