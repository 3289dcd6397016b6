import { describe, expect, it } from 'vitest';
import { tensor } from '../../src/core/tensor.ts';
import { Graph } from '../../src/ir/graph.ts';
import { add, mul } from '../../src/ops/binary.ts';
import { relu, unary } from '../../src/ops/elementwise.ts';
import { countCorrect } from '../../src/ops/loss.ts';
import { reduceSum } from '../../src/ops/reduce.ts';
import { gradients } from '../../src/plan/grad.ts';
import { checkOp, randomTensor } from '../op.ts';

describe('gradients', () => {
  it('add up where a value is used more than once', () =>
    checkOp({
      build: ([x]) => add(mul(x, x), mul(unary('tanh', x), add(x, x))),
      inputs: [randomTensor('x', [3, 4])],
    }));

  it('are absent for values that the loss does not depend on, and one for the loss itself', () => {
    const graph = new Graph();
    const [x, other] = ['x', 'other'].map((name) => graph.input(name, { dtype: 'f32', shape: [2] }));
    const loss = reduceSum(relu(x), [0]);
    const grads = gradients(loss, [x, other, loss]);
    expect(grads.has(x)).toBe(true);
    expect(grads.has(other)).toBe(false);
    expect(grads.get(loss)?.source).toMatchObject({ kind: 'constant', tensor: tensor([], [1]) });
  });

  it('of the gradient are those of a cube', () =>
    checkOp({
      build: ([x]) => {
        const cube = reduceSum(mul(x, mul(x, x)), [0]);
        return gradients(cube, [x]).get(x)!;
      },
      inputs: [randomTensor('x', [5])],
    }));

  it('refuse what they cannot do, saying why', () => {
    const graph = new Graph();
    const x = graph.input('x', { dtype: 'f32', shape: [2, 3] });
    const labels = graph.input('labels', { dtype: 'i32', shape: [2] });
    expect(() => gradients(x, [x])).toThrow(/one number, not \[2,3\]/);
    expect(() => gradients(countCorrect(x, labels), [x])).toThrow(/"count_correct", which has no gradient/);
    const first = gradients(reduceSum(relu(x), [0, 1]), [x]).get(x)!;
    expect(() => gradients(reduceSum(mul(first, x), [0, 1]), [x])).toThrow(
      /"relu_grad", which has no gradient/,
    );
  });
});
