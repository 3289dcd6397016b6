import { describe, expect, it } from 'vitest';
import { tensor } from '../../src/core/tensor.ts';
import { Graph, type Value } from '../../src/ir/graph.ts';
import { expand, reduceMean, reduceSum, sumTo } from '../../src/ops/reduce.ts';
import { checkOp, randomTensor } from '../op.ts';

const subsets = (n: number): number[][] =>
  Array.from({ length: 2 ** n }, (_, bits) =>
    Array.from({ length: n }, (_, i) => i).filter((i) => (bits >> i) & 1),
  );

describe('every set of axes', () => {
  for (const shape of [[7], [3, 5], [2, 3, 4], [2, 1, 3, 4], [2, 3, 2, 3, 2]]) {
    it(`of [${shape}]`, async () => {
      for (const axes of subsets(shape.length)) {
        await checkOp({ build: ([x]) => reduceSum(x, axes), inputs: [randomTensor('x', shape)] });
        await checkOp({
          build: ([x]) => reduceMean(x, axes, true),
          inputs: [randomTensor('x', shape)],
          step: shape.length > 3 ? 0 : 1e-2,
          differentiate: [0],
        });
      }
    });
  }

  it('of six alternating dimensions', async () => {
    const x = randomTensor('x', [2, 3, 2, 3, 2, 3]);
    await checkOp({ build: ([v]) => reduceSum(v, [0, 2, 4]), inputs: [x] });
    await checkOp({ build: ([v]) => reduceMean(v, [1, 3, 5], true), inputs: [x] });
  });
});

describe('tile borders and long sums', () => {
  const cases: [number[], number[]][] = [8191, 8192, 8193].flatMap((n): [number[], number[]][] => [
    [[n], [0]],
    [[n, 3], [0]],
    [[n, 3], [1]],
    [[3, n], [0]],
    [[3, n], [1]],
    [
      [2, n, 5],
      [0, 2],
    ],
  ]);
  cases.push(
    [[300_000], [0]],
    [[40_000, 5], [0]],
    [[5, 40_000], [1]],
    [
      [64, 6, 28, 28],
      [0, 2, 3],
    ],
  );
  for (const [shape, axes] of cases) {
    it(`[${shape}] over [${axes}]`, async () => {
      // All positive: what is lost by rounding cannot cancel.
      const x = randomTensor('x', shape, 0, 1);
      await checkOp({ build: ([v]) => reduceSum(v, axes), inputs: [x], step: 0, tolerance: 1e-6 });
      await checkOp({ build: ([v]) => reduceMean(v, axes), inputs: [x], step: 0, tolerance: 1e-6 });
    });
  }
});

describe('expand and sumTo', () => {
  const pairs: [number[], number[]][] = [
    [[], [3]],
    [[1], [4]],
    [
      [3, 1],
      [3, 5],
    ],
    [
      [1, 4, 1],
      [2, 3, 4, 5],
    ],
    [
      [2, 1, 3, 1],
      [2, 4, 3, 5],
    ],
    [[5], [8193, 5]],
    [[1], [20000]],
  ];
  for (const [from, to] of pairs) {
    it(`[${from}] to [${to}] and back`, async () => {
      const step = to.some((d) => d > 1000) ? 0 : 1e-2;
      await checkOp({ build: ([x]) => expand(x, to), inputs: [randomTensor('x', from)], step });
      await checkOp({ build: ([x]) => sumTo(x, from), inputs: [randomTensor('x', to)], step });
    });
  }
});

describe('NaN and infinity come through', () => {
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
    it(`${bad}`, async () => {
      const x = randomTensor('x', [5, 9]);
      x.data[13] = bad;
      for (const axes of [[0], [1], [0, 1]]) {
        await checkOp({ build: ([v]) => reduceSum(v, axes), inputs: [x], step: 0 });
      }
    });
  }
});

describe('what does not fit is refused', () => {
  const graph = new Graph();
  const x = graph.input('x', { dtype: 'f32', shape: [2, 3] });
  const k = graph.input('k', { dtype: 'i32', shape: [2, 3] });
  const cases: [string, () => Value, RegExp][] = [
    ['an axis too far', () => reduceSum(x, [2]), /axes \[2\] are not all dimensions of f32\[2×3\]/],
    ['a negative axis', () => reduceMean(x, [-1]), /axes \[-1\]/],
    ['integers', () => reduceSum(k, [0]), /takes an f32 tensor, not i32\[2×3\]/],
    ['expanding 3 to 4', () => expand(x, [2, 4]), /f32\[2×3\] does not stretch to \[2,4\]/],
    ['expanding to fewer dimensions', () => expand(x, [3]), /does not stretch/],
    ['expanding to a negative size', () => expand(graph.constant(tensor([1])), [-2]), /does not stretch/],
  ];
  for (const [name, build, message] of cases) {
    it(name, () => {
      expect(build).toThrow(message);
    });
  }
});
