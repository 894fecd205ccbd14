import { where } from "../../src/tensor/functions.generated.ts";
import { booleans, type OperatorCase, type OperatorCases } from "./case.ts";

const MATRIX = [
  [1, 2, 3],
  [4, 5, 6],
];

/** A comparison of [1, 2, 3] with [2, 2, 2], and with 2. */
function comparison(name: "eq" | "ne" | "lt" | "le" | "gt" | "ge", expected: number[]): OperatorCase[] {
  const common = { expected, dtype: "bool", gradient: false } as const;
  return [
    {
      inputs: [
        [1, 2, 3],
        [2, 2, 2],
      ],
      run: (x, y) => x[name](y),
      ...common,
    },
    { inputs: [[1, 2, 3]], run: (x) => x[name](2), ...common },
  ];
}

/** Comparison, choice, and operators that put many elements into one. */
export const reductions: OperatorCases = {
  eq: comparison("eq", [0, 1, 0]),
  ne: comparison("ne", [1, 0, 1]),
  lt: comparison("lt", [1, 0, 0]),
  le: comparison("le", [1, 1, 0]),
  gt: comparison("gt", [0, 0, 1]),
  ge: comparison("ge", [0, 1, 1]),
  logicalNot: [{ inputs: [[0, 2]], run: (x) => x.logicalNot(), expected: [1, 0], dtype: "bool", gradient: false }],
  logicalAnd: [
    {
      inputs: [
        [0, 0, 2, 2],
        [0, 3, 0, 3],
      ],
      run: (x, y) => x.logicalAnd(y),
      expected: [0, 0, 0, 1],
      dtype: "bool",
      gradient: false,
    },
  ],
  logicalOr: [
    {
      inputs: [
        [0, 0, 2, 2],
        [0, 3, 0, 3],
      ],
      run: (x, y) => x.logicalOr(y),
      expected: [0, 1, 1, 1],
      dtype: "bool",
      gradient: false,
    },
  ],
  isfinite: [
    {
      inputs: [[1, Infinity, -Infinity, NaN]],
      run: (x) => x.isfinite(),
      expected: [1, 0, 0, 0],
      dtype: "bool",
      gradient: false,
    },
  ],
  maskedFill: [{ inputs: [[1, 2]], run: (x) => x.maskedFill(booleans([0, 1]), -9), expected: [1, -9] }],
  where: [
    {
      inputs: [
        [1, 2],
        [3, 4],
      ],
      run: (x, y) => where(booleans([1, 0]), x, y),
      expected: [1, 4],
    },
  ],

  sum: [
    { inputs: [MATRIX], run: (x) => x.sum(), expected: 21 },
    { inputs: [MATRIX], run: (x) => x.sum(0), expected: [5, 7, 9] },
    { inputs: [MATRIX], run: (x) => x.sum([0, -1], true), expected: [[21]] },
    {
      inputs: [MATRIX],
      run: (x) => x.sum(1, false, { dtype: "int64" }),
      expected: [6, 15],
      dtype: "int64",
      gradient: false,
    },
  ],
  mean: [
    { inputs: [MATRIX], run: (x) => x.mean(), expected: 3.5 },
    { inputs: [MATRIX], run: (x) => x.mean(1, true), expected: [[2], [5]] },
  ],
  variance: [
    { inputs: [MATRIX], run: (x) => x.variance(1), expected: [1, 1] },
    { inputs: [MATRIX], run: (x) => x.variance(null, false), expected: 2.9166666666666665 },
  ],
  amax: [
    {
      inputs: [
        [
          [1, 5],
          [4, 3],
        ],
      ],
      run: (x) => x.amax(1),
      expected: [5, 4],
    },
  ],
  amin: [
    {
      inputs: [
        [
          [1, 5],
          [4, 3],
        ],
      ],
      run: (x) => x.amin(1, true),
      expected: [[1], [3]],
    },
    {
      inputs: [
        [
          [1, 5],
          [4, 3],
        ],
      ],
      run: (x) => x.amin(),
      expected: 1,
    },
  ],
  argmax: [
    {
      inputs: [
        [
          [1, 5],
          [4, 3],
        ],
      ],
      run: (x) => x.argmax(1),
      expected: [1, 0],
      dtype: "int64",
      gradient: false,
    },
    {
      inputs: [
        [
          [1, 4],
          [5, 3],
        ],
      ],
      run: (x) => x.argmax(),
      expected: 2,
      dtype: "int64",
      gradient: false,
    },
  ],
  argmin: [
    {
      inputs: [
        [
          [1, 5],
          [4, 3],
        ],
      ],
      run: (x) => x.argmin(0),
      expected: [0, 1],
      dtype: "int64",
      gradient: false,
    },
  ],
  all: [
    {
      inputs: [],
      run: () => [booleans([1, 0]).all(), booleans([1, 1]).all()],
      expected: [0, 1],
      dtype: ["bool", "bool"],
      gradient: false,
    },
  ],
  any: [
    {
      inputs: [],
      run: () => [booleans([1, 0]).any(), booleans([0, 0]).any()],
      expected: [1, 0],
      dtype: ["bool", "bool"],
      gradient: false,
    },
  ],
  cumsum: [
    {
      inputs: [MATRIX],
      run: (x) => x.cumsum(1),
      expected: [
        [1, 3, 6],
        [4, 9, 15],
      ],
    },
  ],
  // e^0 + e^ln2 = 3
  logsumexp: [{ inputs: [[[0, Math.LN2]]], run: (x) => x.logsumexp(1), expected: [1.0986122886681098] }],
  softmax: [{ inputs: [[[0, 1.0986122886681098]]], run: (x) => x.softmax(-1), expected: [[0.25, 0.75]] }],
  logSoftmax: [
    {
      inputs: [[[0, 1.0986122886681098]]],
      run: (x) => x.logSoftmax(-1),
      expected: [[-1.3862943611198906, -0.2876820724517809]],
    },
  ],
  eigh: [
    {
      inputs: [
        [
          [1, 0],
          [1, 1],
        ],
      ],
      run: (x) => x.add(x.t()).eigh()[0], // of a symmetric matrix
      expected: [1, 3],
    },
  ],
  vectorNorm: [
    { inputs: [[3, -4]], run: (x) => x.vectorNorm(), expected: 5 },
    {
      inputs: [
        [
          [3, -4],
          [1, 2],
        ],
      ],
      run: (x) => x.vectorNorm(1, 1, true),
      expected: [[7], [3]],
    },
  ],
};
