import { embedding } from "../../src/tensor/functions.generated.ts";
import { doubles, integers, type OperatorCases } from "./case.ts";

const IMAGE = [
  [
    [
      [1, 2, 3],
      [4, 5, 6],
      [7, 8, 9],
    ],
  ],
];
// [1, 2, 6] with mean 0 and variance 1: [-2, -1, 3] / sqrt(14 / 3).
const NORMALIZED = [-0.9258200997725514, -0.4629100498862757, 1.3887301496588271];
// Twice that, and one more.
const SCALED = [-0.8516401995451028, 0.0741799002274486, 3.7774602993176543];

/** Products, layers, losses and resampling. */
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
  conv2d: [
    {
      inputs: [
        IMAGE,
        [
          [
            [
              [1, 0],
              [0, -1],
            ],
          ],
        ],
        [10],
      ],
      run: (x, y, z) => x.conv2d(y, { bias: z }),
      expected: [
        [
          [
            [6, 6],
            [6, 6],
          ],
        ],
      ],
    },
    {
      inputs: [
        IMAGE,
        [
          [
            [
              [1, 0],
              [0, -1],
            ],
          ],
        ],
      ],
      run: (x, y) => x.conv2d(y, { stride: 2, padding: [1, 1] }),
      expected: [
        [
          [
            [-1, -3],
            [-7, -4],
          ],
        ],
      ],
    },
  ],
  layerNorm: [
    {
      inputs: [[[1, 2, 6]], [1, 2, 3], [0, 1, -1]],
      run: (x, y, z) => x.layerNorm([3], { weight: y, bias: z, eps: 0 }),
      expected: [[-0.9258200997725514, 0.0741799002274486, 3.1661904489764813]],
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
  upsampleNearest2d: [
    {
      inputs: [[[[[1, 2]]]]],
      run: (x) => x.upsampleNearest2d([2, 4]),
      expected: [
        [
          [
            [1, 1, 2, 2],
            [1, 1, 2, 2],
          ],
        ],
      ],
    },
  ],
  upsampleBilinear2d: [
    {
      inputs: [
        [
          [
            [
              [0, 1],
              [2, 3],
            ],
          ],
        ],
      ],
      run: (x) => x.upsampleBilinear2d(3, true),
      expected: [
        [
          [
            [0, 0.5, 1],
            [1, 1.5, 2],
            [2, 2.5, 3],
          ],
        ],
      ],
    },
    {
      inputs: [[[[[0, 4]]]]],
      run: (x) => x.upsampleBilinear2d([1, 4], false),
      expected: [[[[0, 1, 3, 4]]]],
    },
  ],
  // Halfway, the cubic of a = -0.75 weighs its four neighbours -3/32, 19/32, 19/32, -3/32.
  upsampleBicubic2d: [
    {
      inputs: [[[[[0, 0, 1, 0]]]]],
      run: (x) => x.upsampleBicubic2d([1, 7], true),
      expected: [[[[0, -0.09375, 0, 0.59375, 1, 0.59375, 0]]]],
    },
  ],
  avgPool2d: [
    {
      inputs: [
        [
          [
            [
              [1, 2],
              [3, 6],
            ],
          ],
        ],
      ],
      run: (x) => x.avgPool2d(2),
      expected: [[[[3]]]],
    },
    {
      inputs: [IMAGE],
      run: (x) => x.avgPool2d([1, 2], { stride: 1 }),
      expected: [
        [
          [
            [1.5, 2.5],
            [4.5, 5.5],
            [7.5, 8.5],
          ],
        ],
      ],
    },
  ],
  maxPool2d: [
    {
      inputs: [IMAGE],
      run: (x) => x.maxPool2d(2, { stride: 1 }),
      expected: [
        [
          [
            [5, 6],
            [8, 9],
          ],
        ],
      ],
    },
    {
      inputs: [IMAGE],
      run: (x) => x.maxPool2d(2, { ceilMode: true }),
      expected: [
        [
          [
            [5, 6],
            [8, 9],
          ],
        ],
      ],
    },
  ],
  adaptiveAvgPool2d: [
    { inputs: [IMAGE], run: (x) => x.adaptiveAvgPool2d([3, 1]), expected: [[[[2], [5], [8]]]] },
    { inputs: [IMAGE], run: (x) => x.adaptiveAvgPool2d(1), expected: [[[[5]]]] },
  ],
  pixelShuffle: [
    {
      inputs: [[[[[1]], [[2]], [[3]], [[4]]]]],
      run: (x) => x.pixelShuffle(2),
      expected: [
        [
          [
            [1, 2],
            [3, 4],
          ],
        ],
      ],
    },
  ],
  pixelUnshuffle: [
    {
      inputs: [
        [
          [
            [
              [1, 2],
              [3, 4],
            ],
          ],
        ],
      ],
      run: (x) => x.pixelUnshuffle(2),
      expected: [[[[1]], [[2]], [[3]], [[4]]]],
    },
  ],
  constantPadNd: [
    {
      inputs: [[[1, 2]]],
      run: (x) => x.constantPadNd([1, 0, 0, 1], 9),
      expected: [
        [9, 1, 2],
        [9, 9, 9],
      ],
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
