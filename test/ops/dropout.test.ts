import { describe, expect, it } from 'vitest';
import { tensor } from '../../src/core/tensor.ts';
import { Graph } from '../../src/ir/graph.ts';
import { dropout } from '../../src/ops/dropout.ts';
import { ReferenceBackend } from '../../src/reference/index.ts';
import { checkOp, randomTensor } from '../op.ts';

/** The share of elements that survive, and their mean, for ones. */
async function survivors(seed: number, stream: number, p: number): Promise<Float32Array> {
  const graph = new Graph();
  const shape = [40_000];
  const x = graph.input('x', { dtype: 'f32', shape });
  graph.output('y', dropout(x, graph.input('seed', { dtype: 'i32', shape: [1] }), { p, stream }));
  const backend = new ReferenceBackend();
  const executable = await backend.load(graph, backend.createStore());
  const feeds = {
    x: tensor(shape, new Float32Array(40_000).fill(1)),
    seed: tensor([1], new Int32Array([seed])),
  };
  return (await executable.run(feeds)).y.data as Float32Array;
}

describe('dropout', () => {
  it.each([
    { shape: [3, 37], p: 0.5, seed: 1 },
    { shape: [2, 3, 61, 59], p: 0.2, seed: -123456789 },
    { shape: [7], p: 0, seed: 5 },
  ])('draws the same mask in all kernels, forward and backward: $shape', async ({ shape, p, seed }) => {
    await checkOp({
      build: ([x, s]) => dropout(x, s, { p, stream: 0x9abcdef0 | 0 }),
      inputs: [randomTensor('x', shape), tensor([1], new Int32Array([seed]))],
    });
  });

  it('drops the share it is asked to, and scales the rest', async () => {
    const y = await survivors(7, 3, 0.3);
    const kept = y.filter((v) => v !== 0);
    // Four standard deviations of a binomial share.
    expect(Math.abs(kept.length / y.length - 0.7)).toBeLessThan(4 * Math.sqrt(0.21 / y.length));
    expect(kept.every((v) => v === Math.fround(1 / 0.7))).toBe(true);
  });

  it('draws another mask for another seed and another stream', async () => {
    const [a, b, c] = [await survivors(7, 3, 0.5), await survivors(8, 3, 0.5), await survivors(7, 4, 0.5)];
    for (const other of [b, c]) {
      const agree = a.filter((v, i) => v === other[i]).length / a.length;
      expect(Math.abs(agree - 0.5)).toBeLessThan(4 * Math.sqrt(0.25 / a.length));
    }
  });

  it('refuses to drop everything', () => {
    const graph = new Graph();
    const x = graph.input('x', { dtype: 'f32', shape: [2] });
    const seed = graph.input('seed', { dtype: 'i32', shape: [1] });
    expect(() => dropout(x, seed, { p: 1, stream: 0 })).toThrow(/in \[0, 1\), not 1/);
  });
});
