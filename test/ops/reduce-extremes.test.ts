import { describe, it } from 'vitest';
import { tensor } from '../../src/core/tensor.ts';
import { reduceMax, reduceMin, reduceProd } from '../../src/ops/reduce-extremes.ts';
import { checkOp, randomTensor } from '../op.ts';

describe('maximum, minimum and product over axes', () => {
  const x = randomTensor('x', [3, 4, 5], 0.5, 2);
  it.each([
    { name: 'max', f: reduceMax, step: 1e-3 },
    { name: 'min', f: reduceMin, step: 1e-3 },
    { name: 'prod', f: reduceProd, step: 1e-2 },
  ])('$name', async ({ f, step }) => {
    for (const axes of [[1], [0, 2], [2], [0, 1, 2]]) {
      for (const keepdims of [false, true]) {
        await checkOp({ build: ([v]) => f(v, axes, keepdims), inputs: [x], step });
      }
    }
  });

  it('shares the gradient between equal extremes', async () => {
    const ties = tensor([2, 3], [1, 1, 0, 2, 2, 2]);
    await checkOp({ build: ([v]) => reduceMax(v, [1]), inputs: [ties], step: 0, differentiate: [0] });
    await checkOp({ build: ([v]) => reduceMin(v, [1]), inputs: [ties], step: 0, differentiate: [0] });
  });

  it('differentiates products with one and two zeros', async () => {
    const zeros = tensor([3, 3], [2, 0, 3, 0, 0, 4, 1, 2, 3]);
    await checkOp({ build: ([v]) => reduceProd(v, [1]), inputs: [zeros] });
  });
});
