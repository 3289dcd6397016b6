import { describe, expect, it } from 'vitest';
import { Opcode } from '../../as/protocol.ts';
import { Graph, type Node, type Value } from '../../src/ir/graph.ts';
import { type Conv2dOptions, conv2d, convTranspose2d } from '../../src/ops/conv2d.ts';
import { leakyRelu, relu } from '../../src/ops/elementwise.ts';
import { checkOp, randomTensor } from '../op.ts';

type Case = [name: string, x: number[], m: number, options?: Omit<Conv2dOptions, 'bias'>];

/** Sizes around the edges of 2 × 2 and 4 × 4 tiles, of blocks of eight and of 24 tiles, of panels and of channel blocks. */
const cases: Case[] = [
  ['whole tiles', [1, 32, 16, 16], 32, { padding: 1 }],
  ['ragged tiles', [1, 33, 17, 15], 34, { padding: 1 }],
  ['no padding', [2, 32, 13, 22], 35],
  ['full padding', [1, 32, 13, 14], 32, { padding: 2 }],
  ['wide padding on one side', [1, 32, 11, 12], 32, { padding: [0, 5, 3, 1] }],
  ['negative padding crops', [2, 32, 19, 17], 32, { padding: [-2, 1, 1, -3] }],
  ['tiles across images', [9, 32, 7, 7], 33, { padding: 1 }],
  ['many small images', [60, 32, 3, 2], 32, { padding: 1 }],
  ['one row', [1, 32, 1, 103], 32, { padding: 1 }],
  ['one column', [1, 32, 103, 1], 32, { padding: 1 }],
  ['channels in several blocks', [1, 261, 14, 14], 32, { padding: 1 }],
  ['panels in several blocks', [1, 32, 14, 14], 263, { padding: 1 }],
  ['groups', [2, 96, 12, 11], 99, { padding: 1, groups: 3 }],
  ['wide rows', [1, 32, 8, 400], 32, { padding: 1 }],
];

/** Opcodes of a convolution with filters that change or do not. */
function opcodes(x: number[], m: number, options: Case[3], isStatic: boolean): Opcode[] {
  const graph = new Graph();
  const shape = [m, x[1] / (options?.groups ?? 1), 3, 3];
  const w = isStatic ? graph.constant(randomTensor('w', shape)) : graph.input('w', { dtype: 'f32', shape });
  const y = conv2d(graph.input('x', { dtype: 'f32', shape: x }), w, options);
  const { node } = y.source as { node: Node };
  return node.op.wasm(node).map((k) => k.opcode);
}

describe('the cases are Winograd convolutions', () => {
  for (const [name, x, m, options] of cases) {
    for (const isStatic of [true, false]) {
      it(`${name}, ${isStatic ? 'static' : 'changing'} filters`, () =>
        expect(opcodes(x, m, options, isStatic)).toEqual([Opcode.WINOGRAD_FILTER, Opcode.WINOGRAD]));
    }
  }
  it('rows too wide for scratch are not', () =>
    expect(opcodes([1, 32, 8, 30000], 32, { padding: 1 }, true)).not.toContain(Opcode.WINOGRAD));
});

describe('F(2×2, 3×3), and its gradients', () => {
  for (const [name, x, m, options] of cases) {
    it(name, () =>
      checkOp({
        build: ([a, w, b]) => conv2d(a, w, { ...options, bias: b }),
        inputs: [
          randomTensor('x', x),
          randomTensor('w', [m, x[1] / (options?.groups ?? 1), 3, 3], -0.3, 0.3),
          randomTensor('b', [m]),
        ],
        differentiate: [0, 1],
        step: 0,
      }),
    );
  }
});

describe('F(4×4, 3×3) with static filters, and the gradient to the input', () => {
  for (const [name, x, m, options] of cases) {
    it(name, () =>
      checkOp({
        build: ([a]) => {
          const constant = (shape: number[], size: number): Value =>
            a.graph.constant(randomTensor('w', shape, -size, size));
          const w = constant([m, x[1] / (options?.groups ?? 1), 3, 3], 0.3);
          return conv2d(a, w, { ...options, bias: constant([m], 1) });
        },
        inputs: [randomTensor('x', x)],
        differentiate: [0],
        step: 0,
      }),
    );
  }
});

describe('what surrounds it', () => {
  const [x, w, b] = [
    randomTensor('x', [1, 32, 15, 18]),
    randomTensor('w', [32, 32, 3, 3], -0.1, 0.1),
    randomTensor('b', [32]),
  ];
  for (const activation of [relu, leakyRelu]) {
    it(activation.name, async () => {
      const same = { differentiate: [], step: 0 };
      await checkOp({
        build: ([a, f, c]) => activation(conv2d(a, f, { bias: c, padding: 1 })),
        inputs: [x, w, b],
        ...same,
      });
      await checkOp({
        build: ([a]) => activation(conv2d(a, a.graph.constant(w), { bias: a.graph.constant(b), padding: 1 })),
        inputs: [x],
        ...same,
      });
    });
  }
  it('transposed convolution', () =>
    checkOp({
      build: ([a, f, c]) => convTranspose2d(a, f, { bias: c, padding: 1 }),
      inputs: [x, w, b],
      step: 0,
    }));
});
