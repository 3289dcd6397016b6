import { describe, expect, it } from 'vitest';
import { tensor } from '../../src/core/tensor.ts';
import { Graph } from '../../src/ir/graph.ts';
import { argReduce, gather, maxPool2dIndices } from '../../src/ops/indexing.ts';
import { cast, type IntBinaryName, intBinary, intBinaryOps, where } from '../../src/ops/integer.ts';
import { checkOp, randomTensor } from '../op.ts';

const ints = (shape: readonly number[], data: readonly number[]) => tensor(shape, Int32Array.from(data));

describe('cast', () => {
  const floats = [0, -0, 0.5, -1.9, 2.5, 1e9, 3e9, -3e9, Number.NaN, Number.POSITIVE_INFINITY];
  for (const to of ['i32', 'bool'] as const) {
    it(`f32 to ${to}`, () =>
      checkOp({ build: ([x]) => cast(cast(x, to), 'f32'), inputs: [tensor([10], floats)], step: 0 }));
  }
  it('i32 to f32 and to bool', async () => {
    const x = ints([5], [0, 1, -7, 2 ** 31 - 1, -(2 ** 31)]);
    await checkOp({ build: ([v]) => cast(v, 'f32'), inputs: [x], step: 0 });
    await checkOp({ build: ([v]) => cast(cast(v, 'bool'), 'f32'), inputs: [x], step: 0 });
  });
});

describe('integer arithmetic', () => {
  const a = [7, -7, 7, -7, 0, 2 ** 31 - 1, -(2 ** 31), 5, 2, 3, -1, 10];
  const b = [2, 2, -2, -2, 5, 2, -1, 0, 31, -1, -3, 9];
  for (const name of Object.keys(intBinaryOps) as IntBinaryName[]) {
    it(`${name} of equal shapes`, () =>
      checkOp({
        build: ([x, y]) => cast(intBinary(name, x, y), 'f32'),
        inputs: [ints([12], a), ints([12], b)],
        step: 0,
      }));
    it(`${name} with broadcasting`, () =>
      checkOp({
        build: ([x, y]) => cast(intBinary(name, x, y), 'f32'),
        inputs: [ints([4, 1, 3], a), ints([2, 1], [3, -4])],
        step: 0,
      }));
  }

  it('refuses floats', () => {
    const g = new Graph();
    const x = g.input('x', { dtype: 'f32', shape: [2] });
    expect(() => intBinary('add', x, x)).toThrow(/i32/);
  });
});

describe('where', () => {
  it('selects and passes the gradient to what was selected', () =>
    checkOp({
      build: ([c, a, b]) => where(c, a, b),
      inputs: [ints([2, 1], [0, 3]), randomTensor('a', [2, 3]), randomTensor('b', [3])],
      differentiate: [1, 2],
    }));
  it('of 10,000', () =>
    checkOp({
      build: ([c, a, b]) => where(c, a, b),
      inputs: [
        ints(
          [10_000],
          Array.from({ length: 10_000 }, (_, i) => (i * 7) % 3),
        ),
        randomTensor('a', [10_000]),
        randomTensor('b', [10_000]),
      ],
      differentiate: [1, 2],
      step: 0,
    }));
});

describe('gather', () => {
  for (const axis of [0, 1, 2]) {
    it(`along axis ${axis}, indices repeated and from the end`, () =>
      checkOp({
        build: ([x, i]) => gather(x, i, axis),
        inputs: [randomTensor('x', [3, 4, 5]), ints([2, 2], [0, -1, 2, 2])],
        differentiate: [0],
      }));
  }
  it('of one scalar index, and of none', async () => {
    const x = randomTensor('x', [3, 4]);
    await checkOp({ build: ([v, i]) => gather(v, i, 1), inputs: [x, ints([], [3])], differentiate: [0] });
    await checkOp({ build: ([v, i]) => gather(v, i, 1), inputs: [x, ints([0], [])], step: 0 });
  });
  it('of rows over many tiles', () =>
    checkOp({
      build: ([x, i]) => gather(x, i, 0),
      inputs: [
        randomTensor('x', [50, 1000]),
        ints(
          [70],
          Array.from({ length: 70 }, (_, k) => (k * 17) % 50),
        ),
      ],
      differentiate: [0],
      step: 0,
    }));
});

describe('argmax and argmin', () => {
  const x = tensor([2, 3, 2], [1, 5, 3, 5, 3, 2, -1, 0, -1, 0, -2, 4]);
  for (const name of ['argmax', 'argmin'] as const) {
    for (const axis of [0, 1, 2]) {
      for (const last of [false, true]) {
        it(`${name} along ${axis}${last ? ', the last of equal ones' : ''}`, () =>
          checkOp({
            build: ([v]) => cast(argReduce(name, v, axis, last, last), 'f32'),
            inputs: [x],
            step: 0,
          }));
      }
    }
  }
  it('of 1,000 rows', () =>
    checkOp({
      build: ([v]) => cast(argReduce('argmax', v, 1), 'f32'),
      inputs: [randomTensor('x', [1000, 30])],
      step: 0,
    }));
});

describe('positions of pooling’s maxima', () => {
  for (const columnMajor of [false, true]) {
    it(columnMajor ? 'down columns' : 'along rows', () =>
      checkOp({
        build: ([x]) => {
          const pool = { kernel: [3, 2], stride: [2, 1], padding: [1, 0, 1, 1], dilation: [1, 2] } as const;
          return cast(maxPool2dIndices(x, { pool, size: [3, 4], columnMajor }), 'f32');
        },
        inputs: [randomTensor('x', [2, 3, 5, 5])],
        step: 0,
      }),
    );
  }
});
