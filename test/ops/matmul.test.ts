import { describe, expect, it } from 'vitest';
import { Graph, type Value } from '../../src/ir/graph.ts';
import { relu, scaledTanh } from '../../src/ops/elementwise.ts';
import { linear, matmul } from '../../src/ops/matmul.ts';
import { checkOp, randomTensor } from '../op.ts';

describe('matmul', () => {
  const sizes: [m: number, n: number, k: number][] = [
    [1, 1, 1],
    [1, 9, 5],
    [6, 1, 7],
    [2, 7, 3],
    [3, 8, 4],
    [4, 9, 31],
    [5, 15, 255],
    [6, 16, 256],
    [7, 17, 257],
    [9, 8, 600],
    [11, 23, 513],
    [12, 24, 40],
    [13, 33, 300],
    [270, 40, 20],
    [64, 64, 64],
    [130, 100, 90],
  ];
  for (const [m, n, k] of sizes) {
    for (const [transA, transB] of [
      [false, false],
      [true, false],
      [false, true],
      [true, true],
    ]) {
      it(`${m}×${k} · ${k}×${n}${transA ? ', a transposed' : ''}${transB ? ', b transposed' : ''}`, () =>
        checkOp({
          build: ([a, b]) => matmul(a, b, transA, transB),
          inputs: [randomTensor('a', transA ? [k, m] : [m, k]), randomTensor('b', transB ? [n, k] : [k, n])],
        }));
    }
  }

  const batches: [a: number[], b: number[]][] = [
    [
      [3, 4, 5],
      [3, 5, 6],
    ],
    [
      [3, 4, 5],
      [5, 6],
    ],
    [
      [4, 5],
      [3, 5, 6],
    ],
    [
      [2, 3, 4, 5],
      [3, 5, 6],
    ],
    [
      [2, 1, 4, 5],
      [3, 5, 6],
    ],
    [
      [2, 3, 4, 5],
      [2, 1, 5, 9],
    ],
    [
      [2, 1, 2, 3, 4],
      [1, 3, 1, 4, 5],
    ],
    [
      [2, 1, 3, 1, 4, 5],
      [1, 2, 1, 3, 5, 6],
    ],
  ];
  for (const [a, b] of batches) {
    it(`broadcasts [${a}] · [${b}]`, () =>
      checkOp({ build: ([x, y]) => matmul(x, y), inputs: [randomTensor('a', a), randomTensor('b', b)] }));
  }
  it('broadcasts with both transposed', () =>
    checkOp({
      build: ([x, y]) => matmul(x, y, true, true),
      inputs: [randomTensor('a', [2, 1, 5, 4]), randomTensor('b', [3, 6, 5])],
    }));
  it('ends in an activation', () =>
    checkOp({
      build: ([x, y]) => scaledTanh(matmul(x, y)),
      inputs: [randomTensor('a', [5, 7]), randomTensor('b', [7, 11])],
    }));
});

describe('linear', () => {
  for (const [n, i, o] of [
    [1, 1, 1],
    [1, 120, 84],
    [3, 7, 5],
    [2, 1025, 6],
    [5, 400, 9],
    [64, 120, 84],
    [64, 400, 120],
    [129, 33, 70],
  ]) {
    it(`[${n}, ${i}] → ${o}`, () =>
      checkOp({
        build: ([x, w, b]) => linear(x, w, b),
        inputs: [randomTensor('x', [n, i]), randomTensor('w', [o, i]), randomTensor('b', [o])],
      }));
  }
  it('has no bias', () =>
    checkOp({
      build: ([x, w]) => linear(x, w),
      inputs: [randomTensor('x', [3, 10]), randomTensor('w', [6, 10])],
    }));
  it('ends in an activation', () =>
    checkOp({
      build: ([x, w, b]) => relu(linear(x, w, b)),
      inputs: [randomTensor('x', [70, 150]), randomTensor('w', [110, 150]), randomTensor('b', [110])],
      differentiate: [0, 1, 2],
      step: 0,
    }));
});

describe('errors say what would fit', () => {
  const graph = new Graph();
  const f = (...shape: number[]) => graph.input(`${shape}#${graph.inputs.size}`, { dtype: 'f32', shape });
  const bad: [name: string, act: () => Value, message: RegExp][] = [
    ['inner dimensions', () => matmul(f(2, 3), f(4, 5)), /inner dimensions 3 and 4/],
    ['vectors', () => matmul(f(3), f(3, 5)), /reshape vectors/],
    ['batches', () => matmul(f(2, 4, 3), f(3, 3, 5)), /do not broadcast/],
    ['linear of images', () => linear(f(2, 3, 4), f(5, 4)), /flatten/],
    ['linear, wrong width', () => linear(f(2, 3), f(5, 4)), /same "in"/],
    ['bias', () => linear(f(2, 3), f(5, 3), f(3)), /f32\[5\]/],
  ];
  for (const [name, act, message] of bad) {
    it(name, () => expect(act).toThrowError(message));
  }
});
