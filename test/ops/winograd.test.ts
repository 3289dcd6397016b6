import { describe, expect, it } from 'vitest';
import { WinogradArgs } from '../../as/conv-args.ts';
import { Command, Opcode } from '../../as/protocol.ts';
import { Graph, type Node, type Value } from '../../src/ir/graph.ts';
import { type Conv2dOptions, conv2d, convTranspose2d } from '../../src/ops/conv2d.ts';
import { leakyRelu, relu } from '../../src/ops/elementwise.ts';
import { checkOp, randomTensor } from '../op.ts';

type Case = [name: string, x: number[], m: number, options?: Omit<Conv2dOptions, 'bias'>];

/** Sizes around the edges of 4 × 4 tiles, of blocks of eight and of 24 tiles, of panels and of channel blocks. */
const cases: Case[] = [
  ['whole tiles', [1, 32, 16, 16], 32, { padding: 1 }],
  ['ragged tiles', [1, 33, 17, 15], 34, { padding: 1 }],
  ['no padding', [2, 32, 13, 22], 35],
  ['full padding', [1, 32, 13, 14], 32, { padding: 2 }],
  ['wide padding on one side', [1, 32, 11, 12], 32, { padding: [0, 5, 3, 1] }],
  ['negative padding crops', [2, 32, 19, 17], 32, { padding: [-2, 1, 1, -3] }],
  ['tiles across images', [9, 32, 7, 7], 33, { padding: 1 }],
  ['many small images', [60, 32, 3, 3], 32, { padding: 1 }],
  ['one row', [1, 32, 1, 103], 32, { padding: 1 }],
  ['one column', [1, 32, 103, 1], 32, { padding: 1 }],
  ['channels in several blocks', [1, 261, 14, 14], 32, { padding: 1 }],
  ['panels in several blocks', [1, 32, 14, 14], 263, { padding: 1 }],
  ['groups', [2, 96, 12, 11], 99, { padding: 1, groups: 3 }],
  ['wide rows', [1, 32, 8, 400], 32, { padding: 1 }],
  ['few channels, many tiles', [2, 16, 66, 68], 18, { padding: 1 }],
  ['four channels in the last block', [1, 76, 15, 16], 21, { padding: 1 }],
];

/** The same of 2 × 2 tiles, for images too small for many larger ones. */
const small: Case[] = [
  ['whole tiles', [1, 32, 8, 8], 32, { padding: 1 }],
  ['ragged tiles', [1, 33, 9, 7], 34, { padding: 1 }],
  ['no padding', [1, 32, 10, 13], 35],
  ['full padding', [1, 32, 5, 6], 32, { padding: 2 }],
  ['negative padding crops', [1, 32, 12, 11], 32, { padding: [-2, 1, 1, -3] }],
  ['tiles across images', [5, 32, 4, 3], 33, { padding: 1 }],
  ['one row', [1, 32, 1, 41], 32, { padding: 1 }],
  ['one column', [1, 32, 41, 1], 32, { padding: 1 }],
  ['channels in several blocks', [1, 261, 8, 8], 32, { padding: 1 }],
  ['panels in several blocks', [1, 32, 8, 8], 263, { padding: 1 }],
  ['groups', [1, 96, 8, 7], 99, { padding: 1, groups: 3 }],
];

const nodeOf = (v: Value): Node => (v.source as { node: Node }).node;

/** Edge of the tiles of a convolution with filters that change or do not; null: by other means. */
function tileSize(x: number[], m: number, options: Case[3], isStatic: boolean): number | null {
  const graph = new Graph();
  const shape = [m, x[1] / (options?.groups ?? 1), 3, 3];
  const w = isStatic ? graph.constant(randomTensor('w', shape)) : graph.input('w', { dtype: 'f32', shape });
  const node = nodeOf(conv2d(graph.input('x', { dtype: 'f32', shape: x }), w, options));
  const kernel = node.op.wasm(node).find((k) => k.opcode === Opcode.WINOGRAD);
  const size = kernel?.args[(WinogradArgs.SIZE - Command.ARGS) / 4];
  return size && size.kind === 'i32' ? size.value : null;
}

/** Opcode of the first kernel of a filter gradient. */
function gradientOpcode(x: number[], m: number, options: Case[3]): Opcode {
  const graph = new Graph();
  const w = graph.input('w', { dtype: 'f32', shape: [m, x[1] / (options?.groups ?? 1), 3, 3] });
  const y = conv2d(graph.input('x', { dtype: 'f32', shape: x }), w, options);
  const [, dw] = nodeOf(y).op.grad(nodeOf(y), [y]);
  return nodeOf(dw!).op.wasm(nodeOf(dw!))[0].opcode;
}

describe('the cases are Winograd convolutions', () => {
  for (const [name, x, m, options] of cases) {
    for (const isStatic of [true, false]) {
      it(`${name}, ${isStatic ? 'static' : 'changing'} filters: 4 × 4`, () =>
        expect(tileSize(x, m, options, isStatic)).toBe(4));
    }
    const wasteful = name.startsWith('one ');
    it(`${name}, filter gradient${wasteful ? ' by other means' : ''}`, () =>
      expect(gradientOpcode(x, m, options) === Opcode.WINOGRAD_GRAD).toBe(!wasteful));
  }
  for (const [name, x, m, options] of small) {
    it(`${name}: 2 × 2`, () => expect(tileSize(x, m, options, true)).toBe(2));
  }
  it('few tiles of many channels, changing filters: 2 × 2', () =>
    expect(tileSize([1, 144, 14, 14], 144, { padding: 1 }, false)).toBe(2));
  it('rows too wide for scratch are not', () => {
    expect(tileSize([1, 32, 8, 30000], 32, { padding: 1 }, true)).toBe(null);
    expect(gradientOpcode([1, 32, 8, 30000], 32, { padding: 1 })).not.toBe(Opcode.WINOGRAD_GRAD);
  });
});

describe('changing filters, and the gradients', () => {
  const few: Case = ['few tiles of many channels', [1, 144, 14, 14], 144, { padding: 1 }];
  for (const [name, x, m, options] of [...cases, few]) {
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

describe('static filters, and the gradient to the input', () => {
  for (const [name, x, m, options] of [...cases, ...small]) {
    it(`${name}, ${x}`, () =>
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
      }));
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
