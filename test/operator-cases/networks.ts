import { embedding } from "../../src/tensor/functions.generated.ts";
import { doubles, integers, type OperatorCases } from "./case.ts";

// [1, 2, 6] with mean 0 and variance 1: [-2, -1, 3] / sqrt(14 / 3).
const NORMALIZED = [-0.9258200997725514, -0.4629100498862757, 1.3887301496588271];
// Twice that, and one more.
const SCALED = [-0.8516401995451028, 0.0741799002274486, 3.7774602993176543];

/** Products, layers, losses and draws. */
export const networks: OperatorCases = {
  matmul: [
    {
      inputs: [
        [
          [1, 2],
          [3, 4],
        ],
        [
          [5, 6],
          [7, 8],
        ],
      ],
      run: (x, y) => x.matmul(y),
      expected: [
        [19, 22],
        [43, 50],
      ],
    },
    {
      inputs: [
        [1, 2],
        [3, 4],
      ],
      run: (x, y) => x.matmul(y),
      expected: 11,
    },
  ],
  bmm: [
    {
      inputs: [
        [[[1, 2]], [[3, 4]]],
        [
          [[5], [6]],
          [[7], [8]],
        ],
      ],
      run: (x, y) => x.bmm(y),
      expected: [[[17]], [[53]]],
    },
  ],
  linear: [
    {
      inputs: [
        [[1, 2]],
        [
          [3, 4],
          [5, 6],
        ],
        [1, -1],
      ],
      run: (x, y, z) => x.linear(y, z),
      expected: [[12, 16]],
    },
    {
      inputs: [
        [[1, 2]],
        [
          [3, 4],
          [5, 6],
        ],
      ],
      run: (x, y) => x.linear(y),
      expected: [[11, 17]],
    },
  ],
  layerNorm: [
    {
      inputs: [[[1, 2, 6]], [1, 2, 3], [0, 1, -1]],
      run: (x, y, z) => x.layerNorm([3], { weight: y, bias: z, eps: 0 }),
      expected: [[-0.9258200997725514, 0.0741799002274486, 3.166190448976481]],
    },
    { inputs: [[[1, 2, 6]]], run: (x) => x.layerNorm([3], { eps: 0 }), expected: [NORMALIZED] },
  ],
  groupNorm: [
    {
      inputs: [
        [
          [
            [1, 2, 6],
            [1, 2, 6],
          ],
        ],
        [1, 2],
        [0, 1],
      ],
      run: (x, y, z) => x.groupNorm(2, { weight: y, bias: z, eps: 0 }),
      expected: [[NORMALIZED, SCALED]],
    },
  ],
  batchNorm: [
    {
      inputs: [[[1], [2], [6]], [2], [1]],
      run: (x, y, z) => x.batchNorm(y, z, null, null, true, 0.1, 0, false),
      expected: SCALED.map((value) => [value]),
    },
    {
      inputs: [[[1], [2], [6]]],
      run: (x) => x.batchNorm(null, null, doubles([1]), doubles([4]), false, 0.1, 0, false),
      expected: [[0], [0.5], [2.5]],
    },
  ],
  embedding: [
    {
      inputs: [
        [
          [1, 2],
          [3, 4],
          [5, 6],
        ],
      ],
      run: (x) => embedding(x, integers([2, 0, 2])),
      expected: [
        [5, 6],
        [1, 2],
        [5, 6],
      ],
    },
  ],
  dropout: [
    { inputs: [[1, 2]], run: (x) => x.dropout(0.5, false), expected: [1, 2] },
    { inputs: [[1, 2]], run: (x) => x.dropout(1, true), expected: [0, 0] },
  ],
  // The softmax of [0, ln 3] is [1/4, 3/4].
  crossEntropyLoss: [
    {
      inputs: [[[0, 1.0986122886681098]]],
      run: (x) => x.crossEntropyLoss(integers([1])),
      expected: 0.2876820724517809,
    },
    {
      inputs: [
        [
          [0, 1.0986122886681098],
          [0, 1.0986122886681098],
        ],
      ],
      run: (x) => x.crossEntropyLoss(integers([0, -1]), { reduction: "none", ignoreIndex: -1 }),
      expected: [1.3862943611198906, 0],
    },
    {
      inputs: [[[0, 1.0986122886681098]]],
      run: (x) => x.crossEntropyLoss(integers([1]), { labelSmoothing: 0.5 }),
      expected: 0.5623351446188084,
    },
  ],
  mseLoss: [
    {
      inputs: [
        [1, 2],
        [3, 5],
      ],
      run: (x, y) => x.mseLoss(y),
      expected: 6.5,
    },
    {
      inputs: [
        [1, 2],
        [3, 5],
      ],
      run: (x, y) => x.mseLoss(y, "sum"),
      expected: 13,
    },
    {
      inputs: [
        [1, 2],
        [3, 5],
      ],
      run: (x, y) => x.mseLoss(y, "none"),
      expected: [4, 9],
    },
  ],
  oneHot: [
    {
      inputs: [],
      run: () => integers([1, 0]).oneHot(3),
      expected: [
        [0, 1, 0],
        [1, 0, 0],
      ],
      dtype: "int64",
      gradient: false,
    },
  ],
  bincount: [
    {
      inputs: [],
      run: () => integers([0, 2, 2]).bincount(null, 5),
      expected: [1, 0, 2, 0, 0],
      dtype: "int64",
      gradient: false,
    },
    { inputs: [[1, 2, 3]], run: (x) => integers([0, 2, 2]).bincount(x), expected: [1, 0, 5], gradient: false },
  ],
  multinomial: [
    { inputs: [[0, 0, 1]], run: (x) => x.multinomial(2, true), expected: [2, 2], dtype: "int64", gradient: false },
  ],
};
