import { describe, expect, it } from 'vitest';
import { type Tensor, tensor } from '../../src/core/tensor.ts';
import { Graph, type Value } from '../../src/ir/graph.ts';
import { countCorrect, crossEntropy, mapLoss, mseLoss } from '../../src/ops/loss.ts';
import { ReferenceBackend } from '../../src/reference/index.ts';
import { checkOp, randomTensor, wasmBackends } from '../op.ts';

const labelsOf = (n: number, classes: number): Tensor =>
  tensor(
    [n],
    Int32Array.from({ length: n }, (_, i) => (i * 7 + 3) % classes),
  );

/** The one number that `build` makes of the scores, on the reference and on every binary. */
async function scalars(
  x: Tensor,
  labels: Tensor,
  build: (x: Value, labels: Value) => Value,
): Promise<number[]> {
  const graph = new Graph();
  graph.output('y', build(graph.input('x', x), graph.input('labels', labels)));
  const results: number[] = [];
  for (const backend of [new ReferenceBackend(), ...(await wasmBackends())]) {
    const store = backend.createStore();
    const executable = await backend.load(graph, store);
    results.push((await executable.run({ x, labels })).y.data[0]);
    executable.dispose();
    store.dispose();
  }
  return results;
}

describe('cross_entropy', () => {
  for (const [n, classes] of [
    [1, 1],
    [1, 10],
    [9, 10],
    [64, 10],
    [3, 1000],
    [600, 3],
  ]) {
    for (const smoothing of [0, 0.1]) {
      it(`${n}×${classes}, smoothing ${smoothing}`, () =>
        checkOp({
          build: ([x, labels]) => crossEntropy(x, labels, smoothing),
          inputs: [randomTensor('x', [n, classes], -5, 5), labelsOf(n, classes)],
          step: n * classes > 500 ? 0 : 1e-2,
          differentiate: [0],
        }));
    }
  }

  it('of scores of ±10⁴', async () => {
    const x = tensor([3, 3], [1e4, -1e4, 0, 1e4, 1e4, 1e4, -1e4, -1e4, 1e4]);
    const labels = tensor([3], Int32Array.of(1, 0, 2));
    await checkOp({
      build: ([s, l]) => crossEntropy(s, l, 0.1),
      inputs: [x, labels],
      step: 0,
      differentiate: [0],
    });
    for (const loss of await scalars(x, labels, crossEntropy)) {
      expect(loss).toBeCloseTo((2e4 + Math.log(3) + 0) / 3, 2);
    }
    // Equal scores: log 3 exactly as well as f32 can say, however large they are.
    const equal = tensor([1, 3], [1e4, 1e4, 1e4]);
    for (const loss of await scalars(equal, tensor([1], Int32Array.of(0)), crossEntropy)) {
      expect(loss).toBeCloseTo(Math.log(3), 6);
    }
    // And were the logarithm lost in the last place of the score.
    const huge = tensor([1, 3], [1e20, 1e20, 1e20]);
    for (const loss of await scalars(huge, tensor([1], Int32Array.of(0)), (s, l) =>
      crossEntropy(s, l, 0.1),
    )) {
      expect(loss).toBeCloseTo(Math.log(3), 6);
    }
  });

  it('a score of −∞ is a class that cannot be; NaN and labels outside the classes give NaN', async () => {
    const score = (row: number[], label: number) =>
      scalars(tensor([1, 3], row), tensor([1], Int32Array.of(label)), crossEntropy);
    const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
    for (const loss of await score([-inf, 0, 0], 1)) expect(loss).toBeCloseTo(Math.log(2), 6);
    for (const loss of await score([-inf, 0, 0], 0)) expect(loss).toBe(inf);
    for (const loss of await score([nan, 0, 0], 1)) expect(loss).toBeNaN();
    for (const label of [3, -1]) for (const loss of await score([1, 2, 3], label)) expect(loss).toBeNaN();
  });
});

describe('map_loss', () => {
  it('is equation 9 of the paper', async () => {
    const [j, penalties] = [0.1, [3, 1, 2.5]];
    const x = tensor(
      [1, 3],
      penalties.map((p) => -p),
    );
    const wanted = 1 + Math.log(Math.exp(-j) + penalties.reduce((s, p) => s + Math.exp(-p), 0));
    for (const loss of await scalars(x, tensor([1], Int32Array.of(1)), (s, l) => mapLoss(s, l, j))) {
      expect(loss).toBeCloseTo(wanted, 5);
    }
  });

  it('and its gradient', () =>
    checkOp({
      build: ([x, labels]) => mapLoss(x, labels, 0.5),
      inputs: [randomTensor('x', [8, 10], -4, 0), labelsOf(8, 10)],
      differentiate: [0],
    }));
});

describe('mse_loss', () => {
  for (const shape of [[1], [6, 10], [2, 3, 4], [8193]]) {
    it(`[${shape}]`, () =>
      checkOp({
        build: ([x, t]) => mseLoss(x, t),
        inputs: [randomTensor('x', shape), randomTensor('t', shape)],
        step: shape[0] > 100 ? 0 : 1e-2,
        differentiate: [0, 1],
      }));
  }
});

describe('count_correct', () => {
  it('ties go to the first class', async () => {
    const x = tensor([4, 3], [1, 1, 0, 2, 5, 5, 0, 0, 0, -1, -3, -1]);
    const count = (labels: number[]) => scalars(x, tensor([4], Int32Array.from(labels)), countCorrect);
    for (const right of await count([0, 1, 0, 0])) expect(right).toBe(4);
    for (const right of await count([1, 2, 1, 2])) expect(right).toBe(0);
  });

  it('a row with a NaN is wrong, infinities count', async () => {
    const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
    const x = tensor([5, 2], [nan, 1, 1, nan, inf, 1, -inf, -inf, -inf, -5]);
    const rights = await scalars(x, tensor([5], Int32Array.of(0, 0, 0, 0, 1)), countCorrect);
    for (const right of rights) expect(right).toBe(3);
  });

  it('of a large batch', () =>
    checkOp({
      build: ([x, labels]) => countCorrect(x, labels),
      inputs: [randomTensor('x', [1000, 10]), labelsOf(1000, 10)],
      step: 0,
    }));
});

describe('what does not fit is refused', () => {
  const graph = new Graph();
  const x = graph.input('x', { dtype: 'f32', shape: [4, 3] });
  const cube = graph.input('cube', { dtype: 'f32', shape: [4, 3, 1] });
  const labels = graph.input('labels', { dtype: 'i32', shape: [4] });
  const five = graph.input('five', { dtype: 'i32', shape: [5] });
  const floats = graph.input('floats', { dtype: 'f32', shape: [4] });
  for (const [name, op] of Object.entries({ crossEntropy, countCorrect })) {
    it(name, () => {
      expect(() => op(cube, labels)).toThrow(
        /takes scores f32\[N×classes\] and labels i32\[N\], not f32\[4×3×1\]/,
      );
      expect(() => op(x, five)).toThrow(/i32\[5\]/);
      expect(() => op(x, floats)).toThrow(/f32\[4\]/);
    });
  }
  it('mseLoss', () => {
    expect(() => mseLoss(x, floats)).toThrow(/do not broadcast/);
  });
});
