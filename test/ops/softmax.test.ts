import { describe, expect, it } from 'vitest';
import { tensor } from '../../src/core/tensor.ts';
import { Graph } from '../../src/ir/graph.ts';
import { logSoftmax, softmax } from '../../src/ops/softmax.ts';
import { ReferenceBackend } from '../../src/reference/index.ts';
import { checkOp, randomTensor } from '../op.ts';

const { NaN: nan, POSITIVE_INFINITY: inf } = Number;

for (const [name, op] of Object.entries({ softmax, logSoftmax })) {
  describe(name, () => {
    for (const shape of [[1], [7], [3, 5], [2, 3, 4, 5]]) {
      for (const axis of shape.keys()) {
        it(`[${shape}] along ${axis}`, () =>
          checkOp({ build: ([x]) => op(x, axis), inputs: [randomTensor('x', shape, -3, 3)] }));
      }
    }

    for (const shape of [
      [3, 1000],
      [700, 2],
      [1, 9000],
      [2, 9, 600],
    ]) {
      it(`[${shape}] along 1`, () =>
        checkOp({
          build: ([x]) => op(x, 1),
          inputs: [randomTensor('x', shape, -8, 8)],
          step: 0,
          differentiate: [0],
        }));
    }

    it('of large scores, without overflow', async () => {
      const x = tensor([4, 3], [1e4, 1e4 + 1, 1e4 - 1, -1e4, -1e4, 1e4, 88, 89, 90, -104, -105, -106]);
      await checkOp({ build: ([v]) => op(v), inputs: [x], step: 0, differentiate: [0] });
    });

    it('of equal scores, beside which the logarithm of the sum vanishes', async () => {
      const x = tensor([3, 2], [1e20, 1e20, -3e38, -3e38, 1e9, 1e9]);
      await checkOp({ build: ([v]) => op(v), inputs: [x], step: 0, differentiate: [0] });
      const graph = new Graph();
      graph.output('y', op(graph.input('x', x)));
      const backend = new ReferenceBackend();
      const { y } = await (await backend.load(graph, backend.createStore())).run({ x });
      expect([...y.data]).toEqual(Array(6).fill(name === 'softmax' ? 0.5 : Math.fround(-Math.LN2)));
    });

    it('with −∞, +∞ and NaN', async () => {
      const x = tensor([5, 3], [-inf, 1, 2, inf, 1, 2, nan, 1, 2, -inf, -inf, -inf, 1, nan, -inf]);
      await checkOp({ build: ([v]) => op(v), inputs: [x], step: 0, webgpu: false });
    });

    it('refuses axes that are not there and integers', () => {
      const graph = new Graph();
      const x = graph.input('x', { dtype: 'f32', shape: [2, 3] });
      const k = graph.input('k', { dtype: 'i32', shape: [2, 3] });
      expect(() => op(x, 2)).toThrow(/f32\[2×3\] has no axis 2/);
      expect(() => op(x, -1)).toThrow(/no axis -1/);
      expect(() => op(k, 1)).toThrow(/takes an f32 tensor, not i32\[2×3\]/);
    });
  });
}
