import { describe, expect, it } from 'vitest';
import { apply1, Graph, type Value } from '../../src/ir/graph.ts';
import type { OpDef } from '../../src/ir/op.ts';
import { convFilterGradKernels, convKernels, convTransposeKernels } from '../../src/ops/conv-kernels.ts';
import type { ConvAttrs } from '../../src/ops/conv-shape.ts';
import { geometryOf } from '../../src/ops/conv-shape.ts';
import {
  type Conv2dOptions,
  conv2d,
  conv2dFilterGradOp,
  conv2dInputGradOp,
  conv2dOp,
  convTranspose2d,
} from '../../src/ops/conv2d.ts';
import { leakyRelu, relu, scaledTanh, sigmoid, tanh } from '../../src/ops/elementwise.ts';
import { checkOp, randomTensor } from '../op.ts';

type Case = [name: string, x: number[], w: number[], options?: Omit<Conv2dOptions, 'bias'>];

const cases: Case[] = [
  ['3×3, valid', [2, 3, 9, 9], [4, 3, 3, 3]],
  ['3×3, same padding', [2, 5, 7, 6], [8, 5, 3, 3], { padding: 1 }],
  ['4×4, padded by 2', [1, 2, 8, 7], [3, 2, 4, 4], { padding: 2 }],
  ['full padding', [1, 3, 6, 6], [2, 3, 3, 3], { padding: 2 }],
  ['asymmetric padding', [2, 2, 7, 9], [5, 2, 3, 4], { padding: [0, 1, 2, 3] }],
  ['negative padding crops', [1, 2, 9, 10], [3, 2, 3, 3], { padding: [-1, -2, 0, -1] }],
  ['stride 2', [2, 4, 11, 10], [6, 4, 3, 3], { stride: 2 }],
  ['stride 2, wide rows', [1, 2, 5, 41], [3, 2, 3, 3], { stride: 2, padding: 1 }],
  ['stride 3×1', [1, 3, 13, 9], [4, 3, 3, 2], { stride: [3, 1], padding: [1, 0] }],
  ['stride beyond the kernel', [1, 2, 9, 9], [3, 2, 2, 2], { stride: 4 }],
  ['dilation 2', [1, 3, 13, 13], [5, 3, 3, 3], { padding: 2, dilation: 2 }],
  ['dilated and strided', [1, 2, 15, 17], [3, 2, 3, 3], { stride: [2, 1], padding: 3, dilation: [3, 2] }],
  ['three groups', [2, 6, 8, 8], [9, 2, 3, 3], { padding: 1, groups: 3 }],
  ['depthwise', [1, 8, 9, 9], [8, 1, 3, 3], { stride: 2, padding: 1, groups: 8 }],
  ['depthwise with multiplier 2', [1, 4, 6, 7], [8, 1, 3, 3], { padding: 1, groups: 4 }],
  ['depthwise, rows of several quads', [3, 5, 11, 37], [5, 1, 3, 3], { padding: 1, groups: 5 }],
  ['depthwise 5×5, stride 2', [2, 6, 19, 22], [6, 1, 5, 5], { stride: 2, padding: 2, groups: 6 }],
  ['depthwise, stride 3×4', [2, 3, 20, 27], [3, 1, 3, 4], { stride: [3, 4], padding: [1, 2], groups: 3 }],
  [
    'depthwise, dilated and strided',
    [1, 3, 16, 17],
    [6, 1, 3, 3],
    { stride: 2, dilation: [2, 3], padding: 3, groups: 3 },
  ],
  ['depthwise, cropped', [2, 4, 12, 13], [4, 1, 3, 3], { padding: [-1, 3, 2, -2], groups: 4 }],
  ['depthwise, large planes', [1, 2, 300, 301], [2, 1, 3, 3], { padding: 1, groups: 2 }],
  ['depthwise, many small planes', [9, 70, 4, 3], [70, 1, 3, 3], { padding: 1, groups: 70 }],
  ['pointwise', [2, 7, 5, 5], [11, 7, 1, 1]],
  ['pointwise, stride 2', [1, 5, 7, 6], [6, 5, 1, 1], { stride: 2 }],
  ['pointwise with padding', [1, 3, 4, 5], [4, 3, 1, 1], { padding: 1 }],
  ['1×7', [1, 5, 12, 12], [6, 5, 1, 7], { padding: [0, 3] }],
  ['7×1', [1, 5, 12, 12], [6, 5, 7, 1], { padding: [3, 0] }],
  ['11×11, stride 4', [1, 3, 23, 23], [8, 3, 11, 11], { stride: 4, padding: 2 }],
  ['kernel as large as the image', [3, 5, 4, 6], [7, 5, 4, 6]],
  ['one pixel', [1, 1, 1, 1], [1, 1, 1, 1]],
  ['few channels, ragged quads', [2, 3, 11, 23], [7, 3, 3, 3], { padding: 1 }],
  ['few channels, padded by 4', [1, 2, 18, 17], [5, 2, 5, 5], { padding: 4 }],
  ['few channels, cropped', [1, 3, 20, 25], [6, 3, 3, 3], { padding: [-1, 2, 3, -2] }],
  ['few channels, dilated', [2, 2, 19, 30], [8, 2, 3, 4], { padding: 2, dilation: [2, 3] }],
  ['few channels in groups', [3, 6, 17, 18], [12, 2, 5, 5], { padding: 2, groups: 3 }],
  ['few channels, many rows', [1, 3, 150, 61], [4, 3, 3, 2], { padding: 1 }],
  ['few channels, one panel of each height', [1, 2, 9, 10], [5, 2, 3, 3]],
  ['few channels, two rows of weights', [2, 2, 9, 9], [2, 2, 5, 5]],
  ['few channels, panels of six and five', [3, 4, 13, 11], [11, 4, 5, 5], { padding: 1 }],
  ['few channels, lanes idle at the end of rows', [2, 64, 9, 16], [8, 64, 3, 3]],
  ['seven taps a row', [1, 2, 18, 22], [5, 2, 1, 7]],
  ['LeNet-5 C1', [3, 1, 32, 32], [6, 1, 5, 5]],
  ['LeNet-5 C3', [9, 6, 14, 14], [16, 6, 5, 5]],
  ['LeNet-5 C5', [64, 16, 5, 5], [120, 16, 5, 5]],
  ['small maps of many images', [37, 3, 4, 4], [5, 3, 3, 3], { padding: 1 }],
  ['few channels, rows of one block', [2, 20, 8, 8], [13, 20, 3, 3], { padding: 1 }],
  ['few channels, less than a block', [3, 9, 2, 3], [17, 9, 1, 3], { padding: [0, 1] }],
  ['few channels, 1×7 by rows that end in a block', [3, 10, 15, 15], [20, 10, 1, 7], { padding: [0, 3] }],
  ['few channels, 7×1, cut into tiles', [1, 12, 33, 17], [9, 12, 7, 1], { padding: [3, 0] }],
  ['pointwise, few channels', [5, 24, 15, 15], [13, 24, 1, 1]],
  ['pointwise, few input channels', [3, 4, 7, 7], [70, 4, 1, 1]],
  ['pointwise, last tile less than a block', [1, 200, 13, 5], [27, 200, 1, 1]],
  ['pointwise in groups', [2, 12, 6, 5], [10, 6, 1, 1], { groups: 2 }],
  ['K in several blocks', [1, 70, 4, 6], [33, 70, 3, 2], { padding: 1 }],
  ['a kernel of more than one block', [1, 1, 19, 20], [33, 1, 19, 19], { padding: 1 }],
  ['a kernel of more than a block, few channels', [1, 2, 22, 23], [3, 2, 19, 19], { padding: 3 }],
  ['many output channels', [1, 4, 5, 5], [300, 4, 3, 3], { padding: 1 }],
  ['shared patches', [1, 40, 9, 9], [300, 40, 3, 3], { stride: 2, padding: 1 }],
  ['shared patches in groups', [3, 96, 6, 5], [402, 48, 1, 1], { stride: 2, groups: 2 }],
  ['shared patches, blocks of K', [2, 700, 5, 5], [200, 700, 1, 1]],
  ['thousands of output channels', [1, 2, 2, 3], [4099, 2, 1, 2]],
  ['many pixels', [1, 2, 40, 77], [3, 2, 3, 3], { padding: 1 }],
];

describe('conv2d', () => {
  for (const [name, x, w, options] of cases) {
    it(name, () =>
      checkOp({
        build: ([a, b, c]) => conv2d(a, b, { ...options, bias: c }),
        inputs: [randomTensor('x', x), randomTensor('w', w, -0.5, 0.5), randomTensor('b', [w[0]])],
      }),
    );
  }
  it('without bias', () =>
    checkOp({
      build: ([x, w]) => conv2d(x, w, { padding: 1 }),
      inputs: [randomTensor('x', [2, 3, 6, 5]), randomTensor('w', [4, 3, 3, 3])],
    }));
});

describe('an activation after conv2d', () => {
  for (const activation of [relu, leakyRelu, sigmoid, tanh, scaledTanh]) {
    it(activation.name, () =>
      checkOp({
        build: ([x, w, b]) => activation(conv2d(x, w, { bias: b, padding: 1 })),
        inputs: [
          randomTensor('x', [2, 3, 7, 9]),
          randomTensor('w', [6, 3, 3, 3], -0.3, 0.3),
          randomTensor('b', [6]),
        ],
        differentiate: [0, 1, 2],
        step: 0,
      }),
    );
  }
});

describe('conv_transpose2d', () => {
  const transposed: [
    name: string,
    x: number[],
    w: number[],
    options: Parameters<typeof convTranspose2d>[2],
  ][] = [
    ['3×3, stride 2', [1, 1, 2, 2], [1, 1, 3, 3], { stride: 2 }],
    ['output padding', [2, 4, 5, 3], [4, 3, 3, 3], { stride: 2, padding: 1, outputPadding: 1 }],
    ['output padding above the stride', [1, 2, 4, 5], [2, 3, 3, 2], { dilation: 2, outputPadding: 1 }],
    ['stride 1', [1, 3, 5, 6], [3, 4, 3, 3], { padding: 1 }],
    ['stride 3×2, dilated', [1, 3, 4, 5], [3, 2, 4, 3], { stride: [3, 2], padding: 1, dilation: [1, 2] }],
    ['groups', [2, 6, 4, 3], [6, 2, 3, 3], { stride: 2, groups: 2 }],
    ['pointwise', [1, 5, 6, 6], [5, 7, 1, 1], {}],
    ['wide', [1, 2, 3, 150], [2, 3, 3, 3], { stride: 2, padding: 1 }],
    ['thousands of output channels', [1, 2, 2, 2], [2, 4099, 2, 2], { stride: 2 }],
    ['many channels', [1, 300, 3, 3], [300, 5, 2, 2], { stride: 2 }],
  ];
  for (const [name, x, w, options] of transposed) {
    it(name, () =>
      checkOp({
        build: ([a, b, c]) => convTranspose2d(a, b, { ...options, bias: c }),
        inputs: [
          randomTensor('x', x),
          randomTensor('w', w, -0.5, 0.5),
          randomTensor('b', [w[1] * (options?.groups ?? 1)]),
        ],
      }),
    );
  }
});

describe('the gradients of the gradients', () => {
  const attrs: ConvAttrs = { stride: [2, 1], padding: [1, 0, 2, 1], dilation: [1, 2], groups: 2 };
  it('to the input', () =>
    checkOp({
      build: ([dy, w]) => apply1(conv2dInputGradOp, [dy, w], { ...attrs, size: [9, 8] }),
      inputs: [randomTensor('dy', [2, 6, 5, 5]), randomTensor('w', [6, 2, 3, 3])],
    }));
  it('to the filter', () =>
    checkOp({
      build: ([x, dy]) => apply1(conv2dFilterGradOp, [x, dy], { ...attrs, kernel: [3, 3] }),
      inputs: [randomTensor('x', [2, 4, 9, 8]), randomTensor('dy', [2, 6, 5, 5])],
    }));
});

/** The operator with kernels made for less scratch than there is. */
function limited<A extends ConvAttrs>(op: OpDef<A>, limit: number): OpDef<A> {
  const geometry = (x: Value, w: Value, y: Value, a: A) => geometryOf(x.shape, w.shape, y.shape, a);
  return {
    ...op,
    wasm({ inputs: [a, b], outputs: [y], attrs }) {
      if (op.name === 'conv2d') return convKernels(a!, b!, null, y, geometry(a!, b!, y, attrs), {}, limit);
      if (op.name === 'conv2d_filter_grad')
        return convFilterGradKernels(a!, b!, y, geometry(a!, y, b!, attrs), limit);
      return convTransposeKernels(a!, b!, null, y, geometry(y, b!, a!, attrs), {}, limit);
    },
  };
}

describe('padded rows that do not fit into scratch', () => {
  const attrs: ConvAttrs = { stride: [1, 1], padding: [1, 1, 1, 0], dilation: [1, 1], groups: 1 };
  const [x, w, dy] = [
    randomTensor('x', [3, 34, 6, 7]),
    randomTensor('w', [40, 34, 3, 2]),
    randomTensor('dy', [3, 40, 6, 7]),
  ];
  for (const limit of [0, 800, 3000, 12000]) {
    it(`${limit} bytes`, async () => {
      const same = { step: 0 };
      await checkOp({
        build: ([a, b]) => apply1(limited(conv2dOp, limit), [a, b, null], attrs),
        inputs: [x, w],
        ...same,
      });
      await checkOp({
        build: ([a, b]) => apply1(limited(conv2dFilterGradOp, limit), [a, b], { ...attrs, kernel: [3, 2] }),
        inputs: [x, dy],
        ...same,
      });
      await checkOp({
        build: ([a, b]) => apply1(limited(conv2dInputGradOp, limit), [a, b], { ...attrs, size: [6, 7] }),
        inputs: [dy, w],
        ...same,
      });
    });
  }
});

describe('errors say what would fit', () => {
  const graph = new Graph();
  const f = (...shape: number[]) => graph.input(`${shape}#${graph.inputs.size}`, { dtype: 'f32', shape });
  const bad: [name: string, act: () => Value, message: RegExp][] = [
    ['channels', () => conv2d(f(1, 3, 8, 8), f(4, 2, 3, 3)), /3 channels.*takes 2/],
    ['groups', () => conv2d(f(1, 4, 8, 8), f(5, 2, 3, 3), { groups: 2 }), /5 output channels.*2 groups/],
    ['rank', () => conv2d(f(3, 8, 8), f(4, 3, 3, 3)), /four dimensions/],
    ['kernel size', () => conv2d(f(1, 3, 2, 8), f(4, 3, 3, 3)), /3×3 kernel.*does not fit into 2×8/],
    ['bias', () => conv2d(f(1, 3, 8, 8), f(4, 3, 3, 3), { bias: f(3) }), /f32\[4\]/],
    ['stride', () => conv2d(f(1, 3, 8, 8), f(4, 3, 3, 3), { stride: 0 }), /positive integers/],
    ['padding', () => conv2d(f(1, 3, 8, 8), f(4, 3, 3, 3), { padding: 0.5 }), /integers/],
    ['transposed channels', () => convTranspose2d(f(1, 3, 8, 8), f(4, 3, 3, 3)), /takes 4/],
    [
      'output padding',
      () => convTranspose2d(f(1, 3, 8, 8), f(3, 3, 3, 3), { outputPadding: 1 }),
      /output padding/,
    ],
  ];
  for (const [name, act, message] of bad) {
    it(name, () => expect(act).toThrowError(message));
  }
});
