import { describe, expect, it } from 'vitest';
import { Graph } from '../../src/ir/graph.ts';
import { localResponseNorm } from '../../src/ops/lrn.ts';
import { checkOp, randomTensor } from '../op.ts';

describe('local response norm', () => {
  it.each([
    { shape: [2, 7, 4, 5], size: 5, alpha: 1, beta: 0.75, k: 1, what: 'odd window' },
    { shape: [2, 9, 4, 5], size: 4, alpha: 0.1, beta: 0.75, k: 2, what: 'even window' },
    { shape: [2, 7, 3, 5], size: 3, alpha: 0.5, beta: 0.5, k: 1, what: 'square root' },
    { shape: [1, 6, 5, 5], size: 5, alpha: 0.7, beta: 0.6, k: 1.5, what: 'any exponent' },
    { shape: [2, 3, 9, 9], size: 7, alpha: 0.7, beta: 0.75, k: 1, what: 'window wider than the channels' },
    { shape: [1, 2100, 2, 3], size: 5, alpha: 0.7, beta: 0.75, k: 1, what: 'many channels' },
    { shape: [3, 16, 31, 29], size: 5, alpha: 5e-4, beta: 0.75, k: 2, what: 'several tiles an image' },
    { shape: [4, 5], size: 3, alpha: 1, beta: 0.75, k: 1, what: 'no pixels' },
  ])('$what', async ({ shape, size, ...options }) => {
    await checkOp({
      build: ([x]) => localResponseNorm(x, size, options),
      inputs: [randomTensor('x', shape, -3, 3)],
    });
  });

  it('refuses a window of no channels', () => {
    const x = new Graph().input('x', { dtype: 'f32', shape: [1, 3, 2, 2] });
    expect(() => localResponseNorm(x, 0)).toThrow(/from 1, not 0/);
  });
});
