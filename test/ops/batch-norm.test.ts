import { describe, expect, it } from 'vitest';
import { tensor } from '../../src/core/tensor.ts';
import { Graph, type Value } from '../../src/ir/graph.ts';
import { ones, zeros } from '../../src/nn/init.ts';
import { batchNormInference, batchNormTraining, channelAffine } from '../../src/ops/batch-norm.ts';
import { leakyRelu, relu } from '../../src/ops/elementwise.ts';
import { checkOp, randomTensor, wasmBackends } from '../op.ts';

const inputs = (shape: readonly number[], low = -2, high = 3) => [
  randomTensor('x', shape, low, high),
  randomTensor('gamma', [shape[1]], 0.5, 1.5),
  randomTensor('beta', [shape[1]]),
];
const training = ([x, gamma, beta]: readonly Value[]) => batchNormTraining(x, gamma, beta, null);

describe('batch norm in training', () => {
  it.each([
    { shape: [4, 3, 5, 5], what: 'odd planes' },
    { shape: [2, 17, 3, 4], what: 'odd channels' },
    { shape: [8, 6, 1, 1], what: 'one pixel' },
    { shape: [9, 5], what: 'no pixels at all' },
    { shape: [2, 3, 50, 83], what: 'planes of several chunks' },
    { shape: [3, 600, 2, 3], what: 'several channels a tile' },
  ])('$what: forward and backward', async ({ shape }) => {
    await checkOp({ build: training, inputs: inputs(shape) });
  });

  it('keeps its precision far from zero', async () => {
    const shape = [4, 2, 30, 30];
    const far = inputs(shape, 999, 1001);
    // Half a unit in the last place of the inputs is 3e-5 of their deviation.
    await checkOp({ build: training, inputs: far, step: 0, tolerance: 1e-4 });
  });

  it('computes an activation at its end', async () => {
    const shape = [3, 4, 6, 7];
    await checkOp({
      build: (v) => relu(training(v)),
      inputs: inputs(shape),
      step: 0,
      differentiate: [0, 1, 2],
    });
    await checkOp({ build: (v) => leakyRelu(training(v), 0.1), inputs: inputs(shape), step: 0 });
  });

  it('moves the running statistics as PyTorch does', async () => {
    for (const backend of await wasmBackends()) {
      const graph = new Graph();
      const x = graph.input('x', { dtype: 'f32', shape: [2, 1, 1, 2] });
      const variable = (name: string, init: typeof ones, role: 'parameter' | 'buffer') =>
        graph.variable({ name, shape: [1], init, role, parameters: 1 });
      const [gamma, beta] = [variable('gamma', ones, 'parameter'), variable('beta', zeros, 'parameter')];
      const running = { mean: variable('mean', zeros, 'buffer'), variance: variable('var', ones, 'buffer') };
      graph.output('y', batchNormTraining(x, gamma, beta, running));
      const store = backend.createStore();
      for (const { spec } of graph.variables.values()) {
        store.add(spec);
        await store.write(spec.name, tensor([1], [spec.name === 'gamma' || spec.name === 'var' ? 1 : 0]));
      }
      const executable = await backend.load(graph, store);
      // Mean 4, biased variance 5, unbiased 20/3.
      const feed = { x: tensor([2, 1, 1, 2], [1, 3, 5, 7]) };
      await executable.run(feed);
      expect((await store.read('mean')).data[0]).toBeCloseTo(0.4, 6);
      expect((await store.read('var')).data[0]).toBeCloseTo(0.9 + 0.1 * (20 / 3), 6);
      await executable.run(feed);
      expect((await store.read('mean')).data[0]).toBeCloseTo(0.76, 6);
      executable.dispose();
      store.dispose();
    }
  });
});

describe('batch norm at inference', () => {
  const statistics = (c: number) => [randomTensor('mean', [c]), randomTensor('variance', [c], 0.5, 2)];
  it.each([[[2, 5, 4, 3]], [[1, 3, 100, 101]], [[4, 700, 1, 1]]])('%j', async (shape) => {
    await checkOp({
      build: ([x, gamma, beta, mean, variance]) => batchNormInference(x, gamma, beta, mean, variance, 1e-3),
      inputs: [...inputs(shape), ...statistics(shape[1])],
    });
  });

  it('computes an activation at its end', async () => {
    await checkOp({
      build: ([x, scale, shift]) => relu(channelAffine(x, scale, shift)),
      inputs: inputs([2, 5, 4, 3]),
      step: 0,
      differentiate: [0, 1, 2],
    });
  });

  it('refuses statistics of another size', () => {
    const graph = new Graph();
    const x = graph.input('x', { dtype: 'f32', shape: [1, 3, 2, 2] });
    const four = graph.input('four', { dtype: 'f32', shape: [4] });
    expect(() => channelAffine(x, four, four)).toThrow(/f32\[3\], not f32\[4\]/);
  });
});
