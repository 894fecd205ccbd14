import type { OperatorCases } from "./case.ts";

const IMAGE = [
  [
    [
      [1, 2, 3],
      [4, 5, 6],
      [7, 8, 9],
    ],
  ],
];

/** Operators on pictures (B, C, H, W). */
export const images: OperatorCases = {
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
};
