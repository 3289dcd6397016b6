import { describe, expect, it } from 'vitest';
import { type Tensor, tensor } from '../../src/core/tensor.ts';
import { apply1, Graph, type Value } from '../../src/ir/graph.ts';
import { flatten, reshape, shapeOps, transpose } from '../../src/ops/shape.ts';
import { concat, pad, slice } from '../../src/ops/slice.ts';
import { checkOp, randomTensor, wasmBackends } from '../op.ts';

const sizes = [2, 3, 4, 5, 2];

function permutations(n: number): number[][] {
  if (n === 0) return [[]];
  return permutations(n - 1).flatMap((p) => Array.from({ length: n }, (_, i) => p.toSpliced(i, 0, n - 1)));
}

/** Runs a graph of the given inputs on the first WASM backend: one output. */
async function evaluate(inputs: Record<string, Tensor>, build: (x: Value[]) => Value): Promise<Tensor> {
  const graph = new Graph();
  graph.output('y', build(Object.entries(inputs).map(([name, t]) => graph.input(name, t))));
  const [backend] = await wasmBackends();
  const store = backend.createStore();
  const executable = await backend.load(graph, store);
  const { y } = await executable.run(inputs);
  executable.dispose();
  store.dispose();
  return y;
}

describe('transpose', () => {
  for (const rank of [2, 3, 4, 5]) {
    it(`all permutations of ${rank} dimensions`, async () => {
      const x = randomTensor('x', sizes.slice(0, rank));
      for (const perm of permutations(rank)) {
        await checkOp({
          build: ([v]) => transpose(v, perm),
          inputs: [x],
          step: rank < 4 ? 1e-2 : 0,
          differentiate: [0],
        });
      }
    });
  }

  it('of a matrix across tile borders', async () => {
    for (const shape of [
      [129, 130],
      [1, 9000],
      [8193, 2],
    ]) {
      await checkOp({ build: ([v]) => transpose(v, [1, 0]), inputs: [randomTensor('x', shape)], step: 0 });
    }
  });

  it('puts element [i, j] at [j, i]', async () => {
    const y = await evaluate({ x: tensor([2, 3], [1, 2, 3, 4, 5, 6]) }, ([x]) => transpose(x, [1, 0]));
    expect(y.shape).toEqual([3, 2]);
    expect([...y.data]).toEqual([1, 4, 2, 5, 3, 6]);
  });
});

describe('reshape', () => {
  it('keeps the elements in order and works out −1', async () => {
    const y = await evaluate({ x: tensor([2, 3], [1, 2, 3, 4, 5, 6]) }, ([x]) => reshape(x, [3, -1]));
    expect(y.shape).toEqual([3, 2]);
    expect([...y.data]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('passes gradients through', async () => {
    await checkOp({
      build: ([x]) => transpose(reshape(x, [4, 6]), [1, 0]),
      inputs: [randomTensor('x', [2, 3, 4])],
    });
    await checkOp({ build: ([x]) => flatten(x, 2), inputs: [randomTensor('x', [2, 3, 4, 5])] });
  });
});

describe('slice', () => {
  const cases: [shape: number[], starts: number[], steps: number[], sizes: number[]][] = [
    [[10], [3], [1], [4]],
    [[10], [9], [-1], [10]],
    [[10], [8], [-3], [3]],
    [[10], [1], [4], [3]],
    [
      [5, 6],
      [1, 5],
      [2, -2],
      [2, 3],
    ],
    [
      [5, 6],
      [4, 0],
      [-1, 1],
      [5, 6],
    ],
    [
      [3, 4, 5],
      [0, 1, 4],
      [1, 1, -1],
      [3, 2, 5],
    ],
    [
      [2, 3, 4, 5],
      [1, 2, 3, 4],
      [-1, -1, -1, -1],
      [2, 3, 4, 5],
    ],
    [
      [2, 3, 4, 5],
      [0, 0, 0, 2],
      [1, 1, 1, 1],
      [2, 3, 4, 1],
    ],
    [
      [4, 5],
      [0, 2],
      [1, 1],
      [4, 0],
    ],
    [
      [3, 20000],
      [1, 7],
      [1, 1],
      [2, 17000],
    ],
    [[40000], [13], [1], [30000]],
  ];
  for (const [shape, starts, steps, taken] of cases) {
    it(`[${shape}] from [${starts}] by [${steps}]: [${taken}]`, async () => {
      const small = shape.reduce((a, b) => a * b) < 1000;
      await checkOp({
        build: ([x]) => slice(x, { starts, steps, sizes: taken }),
        inputs: [randomTensor('x', shape)],
        step: small ? 1e-2 : 0,
        differentiate: [0],
      });
    });
  }

  it('takes the elements that it names', async () => {
    const x = tensor([2, 5], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const y = await evaluate({ x }, ([v]) => slice(v, { starts: [1, 4], steps: [-1, -2], sizes: [2, 3] }));
    expect([...y.data]).toEqual([9, 7, 5, 4, 2, 0]);
  });
});

describe('pad', () => {
  const cases: [shape: number[], before: number[], after: number[]][] = [
    [[5], [2], [0]],
    [[5], [0], [3]],
    [[5], [-2], [-1]],
    [[5], [-2], [4]],
    [[5], [-5], [2]],
    [
      [3, 4],
      [1, 2],
      [3, 0],
    ],
    [
      [3, 4],
      [-1, 2],
      [2, -3],
    ],
    [
      [2, 3, 4, 5],
      [0, 0, 1, 2],
      [0, 0, 3, 1],
    ],
    [
      [2, 3, 4, 5],
      [1, 0, -1, 2],
      [0, 2, 3, -1],
    ],
    [
      [2, 9000],
      [1, 5],
      [0, 7],
    ],
    [[20000], [5], [5]],
  ];
  for (const [shape, before, after] of cases) {
    it(`[${shape}] by [${before}], [${after}]`, async () => {
      await checkOp({
        build: ([x]) => pad(x, before, after, -1.5),
        inputs: [randomTensor('x', shape)],
        step: shape.some((d) => d > 100) ? 0 : 1e-2,
        differentiate: [0],
      });
    });
  }

  it('fills integers with an integer', async () => {
    const y = await evaluate({ x: tensor([2], Int32Array.of(7, 8)) }, ([x]) => pad(x, [1], [2], -3));
    expect(y.dtype).toBe('i32');
    expect([...y.data]).toEqual([-3, 7, 8, -3, -3]);
  });
});

describe('concat', () => {
  for (const axis of [0, 1, 2, 3]) {
    it(`along ${axis}`, async () => {
      const part = (n: number, i: number) =>
        randomTensor(
          `x${i}`,
          [2, 3, 4, 5].map((d, k) => (k === axis ? n : d)),
        );
      await checkOp({ build: (xs) => concat(xs, axis), inputs: [1, 4, 2].map(part) });
    });
  }

  it('of one tensor, of the same one twice, of empty and of large ones', async () => {
    const x = randomTensor('x', [3, 4]);
    await checkOp({ build: ([v]) => concat([v], 1), inputs: [x] });
    await checkOp({ build: ([v]) => concat([v, v], 0), inputs: [x] });
    await checkOp({ build: (v) => concat(v, 1), inputs: [x, randomTensor('e', [3, 0])], differentiate: [0] });
    const large = [randomTensor('a', [20000]), randomTensor('b', [8192]), randomTensor('c', [17000])];
    await checkOp({ build: (v) => concat(v, 0), inputs: large, step: 0 });
  });
});

describe('what does not fit is refused, saying what would', () => {
  const graph = new Graph();
  const x = graph.input('x', { dtype: 'f32', shape: [2, 5] });
  const k = graph.input('k', { dtype: 'i32', shape: [2, 5] });
  const cases: [string, () => Value, RegExp][] = [
    ['reshape to another size', () => reshape(x, [3, 4]), /f32\[2×5\] cannot be reshaped to \[3,4\]/],
    ['reshape to half rows', () => reshape(x, [4, -1]), /cannot be reshaped to \[4,2.5\]/],
    [
      'reshape to negative sizes',
      () => apply1(shapeOps.reshape, [x], { shape: [-2, -5] }),
      /cannot be reshaped/,
    ],
    ['transpose with a repeated dimension', () => transpose(x, [0, 0]), /no permutation of the 2 dimensions/],
    ['transpose of too few', () => transpose(x, [0]), /no permutation/],
    [
      'slice past the end',
      () => slice(x, { starts: [0, 3], steps: [1, 1], sizes: [2, 3] }),
      /dimension 1 .* no 3 elements from 3 by 1/,
    ],
    [
      'slice before the start',
      () => slice(x, { starts: [1, 0], steps: [-1, 1], sizes: [3, 5] }),
      /dimension 0/,
    ],
    ['slice with step 0', () => slice(x, { starts: [0, 0], steps: [0, 1], sizes: [2, 5] }), /dimension 0/],
    [
      'slice with a missing start',
      () => slice(x, { starts: [0], steps: [1, 1], sizes: [2, 5] }),
      /for each of the 2/,
    ],
    [
      'slice by halves',
      () => slice(x, { starts: [0, 0], steps: [1, 0.5], sizes: [2, 5] }),
      /whole start, step and size/,
    ],
    ['pad that cuts all', () => pad(x, [0, -3], [0, -3]), /cut off/],
    ['pad of one dimension', () => pad(x, [1], [1]), /each of the 2 dimensions/],
    ['pad by halves', () => pad(x, [0.5, 0], [0, 0]), /whole numbers/],
    ['concat along no axis', () => concat([x, x], 2), /has no axis 2/],
    [
      'concat of other sizes',
      () => concat([x, transpose(x, [1, 0])], 0),
      /f32\[5×2\] does not fit f32\[2×5\]/,
    ],
    ['concat of other types', () => concat([x, k], 0), /i32\[2×5\] does not fit/],
    ['concat of nothing', () => concat([], 0), /at least one input/],
  ];
  for (const [name, build, message] of cases) {
    it(name, () => {
      expect(build).toThrow(message);
      expect(build).toThrow(expect.objectContaining({ name: 'LensletError' }));
    });
  }
});
