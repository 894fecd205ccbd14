import { integers, type OperatorCases } from "./case.ts";

const MATRIX = [
  [1, 2, 3],
  [4, 5, 6],
];
const FLIPPED = [
  [1, 4],
  [2, 5],
  [3, 6],
];

/** Operators that move elements, and those that pick some. */
export const shapes: OperatorCases = {
  view: [
    {
      inputs: [MATRIX],
      run: (x) => x.view([3, -1]),
      expected: [
        [1, 2],
        [3, 4],
        [5, 6],
      ],
    },
  ],
  reshape: [{ inputs: [MATRIX], run: (x) => x.t().reshape([-1]), expected: [1, 4, 2, 5, 3, 6] }],
  permute: [
    { inputs: [MATRIX], run: (x) => x.permute([1, 0]), expected: FLIPPED },
    {
      inputs: [[[[1, 2]], [[3, 4]]]],
      run: (x) => x.permute([2, 0, 1]),
      expected: [
        [[1], [3]],
        [[2], [4]],
      ],
    },
  ],
  transpose: [{ inputs: [MATRIX], run: (x) => x.transpose(0, -1), expected: FLIPPED }],
  t: [{ inputs: [MATRIX], run: (x) => x.t(), expected: FLIPPED }],
  unsqueeze: [{ inputs: [[1, 2]], run: (x) => x.unsqueeze(1), expected: [[1], [2]] }],
  squeeze: [
    { inputs: [[[1, 2]]], run: (x) => x.squeeze(0), expected: [1, 2] },
    { inputs: [[[1, 2]]], run: (x) => x.squeeze(1), expected: [[1, 2]] },
  ],
  flatten: [
    { inputs: [MATRIX], run: (x) => x.flatten(), expected: [1, 2, 3, 4, 5, 6] },
    {
      inputs: [[[[1, 2]], [[3, 4]]]],
      run: (x) => x.flatten(1),
      expected: [
        [1, 2],
        [3, 4],
      ],
    },
  ],
  expand: [
    {
      inputs: [[[1], [2]]],
      run: (x) => x.expand([-1, 3]),
      expected: [
        [1, 1, 1],
        [2, 2, 2],
      ],
    },
  ],
  narrow: [
    {
      inputs: [MATRIX],
      run: (x) => x.narrow(1, 1, 2),
      expected: [
        [2, 3],
        [5, 6],
      ],
    },
  ],
  select: [{ inputs: [MATRIX], run: (x) => x.select(1, -1), expected: [3, 6] }],
  slice: [
    {
      inputs: [MATRIX],
      run: (x) => x.slice({ dim: 1, step: 2 }),
      expected: [
        [1, 3],
        [4, 6],
      ],
    },
    { inputs: [MATRIX], run: (x) => x.slice({ start: 1 }), expected: [[4, 5, 6]] },
    { inputs: [[1, 2, 3]], run: (x) => x.slice({ end: -1 }), expected: [1, 2] },
  ],
  split: [{ inputs: [[1, 2, 3]], run: (x) => x.split(2), expected: [[1, 2], [3]] }],
  chunk: [{ inputs: [[[1, 2, 3, 4]]], run: (x) => x.chunk(2, 1), expected: [[[1, 2]], [[3, 4]]] }],
  unbind: [{ inputs: [MATRIX], run: (x) => x.unbind(1), expected: FLIPPED }],
  contiguous: [{ inputs: [MATRIX], run: (x) => x.t().contiguous(), expected: FLIPPED }],
  clone: [{ inputs: [MATRIX], run: (x) => x.clone(), expected: MATRIX }],
  repeat: [
    {
      inputs: [[1, 2]],
      run: (x) => x.repeat([2, 2]),
      expected: [
        [1, 2, 1, 2],
        [1, 2, 1, 2],
      ],
    },
  ],
  repeatInterleave: [
    {
      inputs: [
        [
          [1, 2],
          [3, 4],
        ],
      ],
      run: (x) => x.repeatInterleave(2, 1),
      expected: [
        [1, 1, 2, 2],
        [3, 3, 4, 4],
      ],
    },
    {
      inputs: [
        [
          [1, 2],
          [3, 4],
        ],
      ],
      run: (x) => x.repeatInterleave(2),
      expected: [1, 1, 2, 2, 3, 3, 4, 4],
    },
  ],
  flip: [
    {
      inputs: [MATRIX],
      run: (x) => x.flip([1]),
      expected: [
        [3, 2, 1],
        [6, 5, 4],
      ],
    },
  ],
  roll: [
    {
      inputs: [MATRIX],
      run: (x) => x.roll(1, 1),
      expected: [
        [3, 1, 2],
        [6, 4, 5],
      ],
    },
    { inputs: [[1, 2, 3]], run: (x) => x.roll(-1), expected: [2, 3, 1] },
  ],
  indexSelect: [
    {
      inputs: [MATRIX],
      run: (x) => x.indexSelect(1, integers([2, 0, 2])),
      expected: [
        [3, 1, 3],
        [6, 4, 6],
      ],
    },
  ],
  gather: [
    {
      inputs: [MATRIX],
      run: (x) =>
        x.gather(
          1,
          integers([
            [0, 0],
            [2, 1],
          ]),
        ),
      expected: [
        [1, 1],
        [6, 5],
      ],
    },
  ],
  scatter: [
    {
      inputs: [MATRIX, [[-1], [-2]]],
      run: (x, y) => x.scatter(1, integers([[2], [0]]), y),
      expected: [
        [1, 2, -1],
        [-2, 5, 6],
      ],
    },
    {
      inputs: [MATRIX],
      run: (x) => x.scatter(1, integers([[2], [0]]), 9),
      expected: [
        [1, 2, 9],
        [9, 5, 6],
      ],
    },
  ],
  diagonal: [
    {
      inputs: [
        [
          [1, 2],
          [3, 4],
        ],
      ],
      run: (x) => x.diagonal(),
      expected: [1, 4],
    },
  ],
  topk: [
    {
      inputs: [[1, 3, 2]],
      run: (x) => x.topk(2),
      expected: [
        [3, 2],
        [1, 2],
      ],
      dtype: ["float64", "int64"],
    },
    {
      inputs: [[1, 3, 2]],
      run: (x) => x.topk(1, { largest: false }),
      expected: [[1], [0]],
      dtype: ["float64", "int64"],
    },
  ],
  sort: [
    {
      inputs: [[1, 3, 2]],
      run: (x) => x.sort(),
      expected: [
        [1, 2, 3],
        [0, 2, 1],
      ],
      dtype: ["float64", "int64"],
    },
    {
      inputs: [[1, 3, 2]],
      run: (x) => x.sort(0, true),
      expected: [
        [3, 2, 1],
        [1, 2, 0],
      ],
      dtype: ["float64", "int64"],
    },
  ],
  triu: [
    {
      inputs: [MATRIX],
      run: (x) => x.triu(1),
      expected: [
        [0, 2, 3],
        [0, 0, 6],
      ],
    },
  ],
  tril: [
    {
      inputs: [MATRIX],
      run: (x) => x.tril(),
      expected: [
        [1, 0, 0],
        [4, 5, 0],
      ],
    },
  ],
  detach: [{ inputs: [MATRIX], run: (x) => x.detach(), expected: MATRIX, gradient: false }],
  toDtype: [
    { inputs: [[1.9, -1.9]], run: (x) => x.toDtype("int32"), expected: [1, -1], dtype: "int32", gradient: false },
    // 1 + 2^-8 lies halfway between two values of bfloat16 and goes to the even one.
    {
      inputs: [[1.00390625, 3]],
      run: (x) => x.toDtype("bfloat16"),
      expected: [1, 3],
      dtype: "bfloat16",
      gradient: false,
    },
    { inputs: [[1.5, 3]], run: (x) => x.toDtype("float64", true), expected: [1.5, 3] },
  ],
  toDevice: [{ inputs: [[1.5, 3]], run: (x) => x.toDevice("cpu", "float64", { copy: true }), expected: [1.5, 3] }],
  indexAdd: [
    {
      inputs: [
        [1, 2, 3],
        [10, 20],
      ],
      run: (x, y) => x.indexAdd(0, integers([1, 1]), y, { alpha: 2 }),
      expected: [1, 62, 3],
    },
  ],
};
