import { describe, expect, it } from 'vitest';
import { type Tensor, tensor } from '../../src/core/tensor.ts';
import { Graph, type Value } from '../../src/ir/graph.ts';
import { avgPool2d, maxPool2d, type PoolOptions } from '../../src/ops/pool.ts';
import { reduceSum } from '../../src/ops/reduce.ts';
import { compile } from '../../src/plan/compile.ts';
import { gradients } from '../../src/plan/grad.ts';
import { wasmTarget } from '../../src/wasm/index.ts';
import { checkOp, randomTensor, wasmBackends } from '../op.ts';

/** Distinct values, at least 0.1 apart: no maximum changes within a finite difference's step. */
function spacedTensor(name: string, shape: number[]): Tensor {
  const x = randomTensor(name, shape);
  const order = [...x.data.keys()].sort((a, b) => x.data[a] - x.data[b]);
  const spaced = new Float32Array(order.length);
  order.forEach((at, rank) => {
    spaced[at] = (rank - order.length / 2) * 0.1;
  });
  return tensor(shape, spaced);
}

type Kernel = number | readonly [number, number];
const cases: [name: string, shape: number[], kernel: Kernel, options: PoolOptions][] = [
  ['2×2/2', [2, 3, 8, 8], 2, {}],
  ['2×2/2 of odd sizes', [2, 3, 9, 7], 2, {}],
  ['2×2/2 wide', [1, 2, 4, 22], 2, {}],
  ['2×2/2, a row', [1, 2, 2, 2], 2, {}],
  ['2×2/2 with padding', [1, 2, 6, 7], 2, { padding: 1 }],
  ['2×2/2 in ceil mode', [1, 2, 7, 9], 2, { ceilMode: true }],
  ['2×2/1', [1, 2, 5, 6], 2, { stride: 1 }],
  ['3×3/2, overlapping', [2, 3, 13, 11], 3, { stride: 2 }],
  ['3×3/2, overlapping, ceil mode', [2, 3, 12, 10], 3, { stride: 2, ceilMode: true }],
  ['3×3/2, padded, ceil mode', [2, 3, 12, 14], 3, { stride: 2, padding: 1, ceilMode: true }],
  ['3×3/1, padded', [1, 4, 7, 7], 3, { stride: 1, padding: 1 }],
  ['5×5/3, padded by 2', [1, 2, 14, 9], 5, { stride: 3, padding: 2 }],
  ['asymmetric padding', [1, 2, 6, 7], [3, 4], { stride: [2, 1], padding: [0, 1, 2, 3] }],
  ['asymmetric padding, ceil mode', [1, 2, 7, 8], 3, { stride: 2, padding: [2, 0, 1, 1], ceilMode: true }],
  ['1×3 windows', [1, 2, 5, 9], [1, 3], { stride: [1, 2] }],
  ['dilated by 2', [1, 2, 9, 8], 2, { stride: 1, dilation: 2 }],
  ['dilated, padded and strided', [1, 2, 11, 12], [3, 2], { stride: 2, padding: 2, dilation: [2, 3] }],
  ['window as large as the image', [3, 5, 7, 6], [7, 6], {}],
  ['1×1', [1, 2, 3, 5], 1, {}],
  ['stride beyond the window', [1, 2, 9, 9], 2, { stride: 4 }],
];

describe('max_pool2d', () => {
  for (const [name, shape, kernel, options] of cases) {
    it(name, () =>
      checkOp({ build: ([x]) => maxPool2d(x, kernel, options), inputs: [spacedTensor('x', shape)] }),
    );
  }
});

describe('avg_pool2d', () => {
  for (const [name, shape, kernel, options] of cases) {
    for (const countIncludePad of [true, false]) {
      it(`${name}, count_include_pad ${countIncludePad}`, () =>
        checkOp({
          build: ([x]) => avgPool2d(x, kernel, { ...options, countIncludePad }),
          inputs: [randomTensor('x', shape)],
        }));
    }
    it(`${name}, divisor 3`, () =>
      checkOp({
        build: ([x]) => avgPool2d(x, kernel, { ...options, divisorOverride: 3 }),
        inputs: [randomTensor('x', shape)],
      }));
  }
});

describe('large images and many planes', () => {
  for (const shape of [
    [1, 1, 128, 130],
    [64, 6, 28, 28],
    [33, 1, 16, 16],
  ]) {
    it(`[${shape}]`, async () => {
      const inputs = [randomTensor('x', shape)];
      for (const options of [{}, { stride: 1 }]) {
        await checkOp({ build: ([x]) => maxPool2d(x, 2, options), inputs, step: 0, differentiate: [0] });
        await checkOp({ build: ([x]) => avgPool2d(x, 2, options), inputs, step: 0, differentiate: [0] });
      }
    });
  }
});

describe('rows longer than private scratch holds at a time', () => {
  const long: [number[], Kernel, PoolOptions][] = [
    [[1, 2, 3, 40001], 3, { stride: 2, padding: 1 }],
    [[1, 1, 2, 34000], 2, { stride: 1 }],
    [[1, 1, 2, 90000], [1, 4], { stride: [1, 5], ceilMode: true }],
    [[1, 1, 2, 100000], [2, 40000], { stride: [1, 20000], padding: [0, 0, 0, 30000] }],
    [[1, 1, 1, 150000], [1, 3], { stride: [1, 7000], dilation: [1, 70000] }],
    [[1, 1, 40000, 3], [3, 2], { stride: [2, 1], padding: 1 }],
  ];
  for (const [shape, kernel, options] of long) {
    it(`[${shape}], ${kernel}`, async () => {
      const inputs = [randomTensor('x', shape)];
      for (const pool of [maxPool2d, avgPool2d]) {
        await checkOp({ build: ([x]) => pool(x, kernel, options), inputs, step: 0, differentiate: [0] });
      }
    });
  }
});

describe('ties, infinities and NaN', () => {
  const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
  for (const [name, pick] of Object.entries({
    ties: [0, 1, 2],
    'zeros of both signs': [0, -0, -1],
    infinities: [-inf, -inf, 1, inf],
    'mostly −∞': [-inf, -inf, -inf, -inf, -inf, -inf, 0],
    NaN: [nan, 1, 2, 3, 4, 5, -inf, inf],
  })) {
    for (const [windows, shape, kernel, options] of cases) {
      it(`${name}, ${windows}`, async () => {
        const x = tensor(
          shape,
          randomTensor(name + windows, shape, 0, pick.length).data.map((v) => pick[Math.floor(v)]),
        );
        const build = ([v]: readonly Value[]) => maxPool2d(v, kernel, options);
        await checkOp({ build, inputs: [x], step: 0, differentiate: [0] });
      });
    }
  }
});

/** Output and gradient of the sum of a pooled 1×1×H×W image, on every binary. */
async function onEach(rows: number[][], build: (x: Value) => Value) {
  const x = tensor([1, 1, rows.length, rows[0].length], rows.flat());
  const graph = new Graph();
  const input = graph.input('x', x);
  const y = build(input);
  graph.output('y', y);
  graph.output('dx', gradients(reduceSum(y, [0, 1, 2, 3]), [input]).get(input) as Value);
  const results: { y: number[]; dx: number[] }[] = [];
  for (const backend of await wasmBackends()) {
    const store = backend.createStore();
    const executable = await backend.load(graph, store);
    const r = await executable.run({ x });
    executable.dispose();
    store.dispose();
    results.push({ y: [...r.y.data], dx: [...r.dx.data] });
  }
  return results;
}

describe('by hand', () => {
  it('ties: the gradient goes to the first of the window, row by row', async () => {
    const rows = [
      [1, 1, 0, 5],
      [1, 1, 5, 5],
    ];
    for (const r of await onEach(rows, (x) => maxPool2d(x, 2))) {
      expect(r).toEqual({ y: [1, 5], dx: [1, 0, 0, 1, 0, 0, 0, 0] });
    }
  });

  it('padding counts or does not', async () => {
    const rows = [
      [1, 2],
      [3, 4],
    ];
    const options = { stride: 1, padding: 1 };
    for (const r of await onEach(rows, (x) => avgPool2d(x, 3, options))) {
      for (const v of r.y) expect(v).toBeCloseTo(10 / 9, 6);
    }
    for (const r of await onEach(rows, (x) => avgPool2d(x, 3, { ...options, countIncludePad: false }))) {
      expect(r.y).toEqual([2.5, 2.5, 2.5, 2.5]);
    }
  });

  it('ceil mode: the last window counts what lies inside the padded image', async () => {
    const rows = [[1, 2, 3, 4, 5]];
    const pooled = (o: PoolOptions) =>
      onEach(rows, (x) => avgPool2d(x, [1, 2], { stride: 2, ceilMode: true, ...o }));
    for (const r of await pooled({})) expect(r.y).toEqual([1.5, 3.5, 5]);
    for (const r of await pooled({ countIncludePad: false })) expect(r.y).toEqual([1.5, 3.5, 5]);
    // PyTorch drops a window that would start in the right padding.
    for (const r of await onEach(rows, (x) => maxPool2d(x, [1, 1], { stride: 4, ceilMode: true }))) {
      expect(r.y).toEqual([1, 5]);
    }
  });

  it('NaN wins, −∞ alone stays, +∞ wins', async () => {
    const [nan, inf] = [Number.NaN, Number.POSITIVE_INFINITY];
    const rows = [
      [1, nan, -inf, -inf, 3, inf, 7, 8],
      [5, 2, -inf, -inf, 4, 1, 9, 6],
    ];
    for (const stride of [2, [2, 2], [3, 2]] as const) {
      for (const r of await onEach(rows, (x) => maxPool2d(x, 2, { stride }))) {
        expect(r.y).toEqual([nan, -inf, inf, 9]);
        expect(r.dx).toEqual([0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
      }
    }
    for (const r of await onEach(rows, (x) => avgPool2d(x, 2))) expect(r.y).toEqual([nan, -inf, inf, 7.5]);
  });
});

describe('what does not fit is refused', () => {
  const graph = new Graph();
  const x = graph.input('x', { dtype: 'f32', shape: [1, 2, 5, 6] });
  const flat = graph.input('flat', { dtype: 'f32', shape: [5, 6] });
  const k = graph.input('k', { dtype: 'i32', shape: [1, 2, 5, 6] });
  const builds: [string, () => Value, RegExp][] = [
    ['two dimensions', () => maxPool2d(flat, 2), /takes f32\[N×C×H×W\], not f32\[5×6\]/],
    ['integers', () => avgPool2d(k, 2), /not i32/],
    [
      'a window larger than the image',
      () => maxPool2d(x, 6),
      /a 6×6 window does not fit into f32\[1×2×5×6\]/,
    ],
    [
      'padding as wide as the window',
      () => avgPool2d(x, 2, { padding: 2 }),
      /leaves windows with no element/,
    ],
    ['stride 0', () => maxPool2d(x, 2, { stride: 0 }), /stride \[0,0\].*positive integers/],
    ['a window of 0', () => maxPool2d(x, 0), /positive integers/],
    ['half a dilation', () => maxPool2d(x, 2, { dilation: 0.5 }), /positive integers/],
    ['divisor 0', () => avgPool2d(x, 2, { divisorOverride: 0 }), /divisor 0/],
    ['negative padding', () => avgPool2d(x, 2, { padding: -1 }), /padding \[-1,-1,-1,-1\]/],
  ];
  for (const [name, build, message] of builds) {
    it(name, () => {
      expect(build).toThrow(message);
    });
  }

  it('a row that does not fit a thread’s scratch', () => {
    const graph = new Graph();
    graph.output('y', maxPool2d(graph.input('x', { dtype: 'f32', shape: [1, 1, 1, 300_000] }), [1, 3]));
    expect(() => compile(graph, wasmTarget)).toThrow(/at most 262144 are possible/);
  });
});
