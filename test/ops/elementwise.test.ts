import { describe, it } from 'vitest';
import { tensor } from '../../src/core/tensor.ts';
import { apply1 } from '../../src/ir/graph.ts';
import { binaryOps } from '../../src/ops/binary.ts';
import { type UnaryName, unary, unaryOps } from '../../src/ops/elementwise.ts';
import { checkOp, randomTensor } from '../op.ts';

const domains: Partial<Record<UnaryName, [number, number]>> = {
  log: [0.1, 4],
  sqrt: [0.1, 4],
  reciprocal: [0.5, 3],
};
/** A finite difference across a kink means nothing: these keep away from theirs by construction. */
const kinked = new Set<UnaryName>([
  'relu',
  'leaky_relu',
  'abs',
  'clip',
  'hard_sigmoid',
  'elu',
  'floor',
  'ceil',
]);

describe('unary operators', () => {
  for (const name of Object.keys(unaryOps) as UnaryName[]) {
    for (const size of [1, 3, 4, 5, 8191, 8193]) {
      it(`${name} of ${size}`, async () => {
        const [low, high] = domains[name] ?? [-3, 3];
        let x = randomTensor(name, [size], low, high);
        // Grid points 0.3 + k/2 are away from 0, ±1, ±2.5 and the integers.
        if (kinked.has(name))
          x = tensor(
            [size],
            Float32Array.from(x.data, (v) => Math.round(v * 2) / 2 + 0.3),
          );
        await checkOp({
          build: ([v]) =>
            unary(name, v, { alpha: name === 'clip' ? -1 : 0.2, beta: name === 'clip' ? 1 : 0.5 }),
          inputs: [x],
          step: size > 100 ? 0 : 1e-3,
          differentiate: [0],
        });
      });
    }
  }

  it('clip between bounds that are the wrong way round gives the upper one', () =>
    checkOp({
      build: ([v]) => unary('clip', v, { alpha: 2, beta: 1 }),
      inputs: [randomTensor('clip', [37], -3, 3)],
      step: 0,
    }));
});

const shapes: [number[], number[]][] = [
  [[5], [5]],
  [[8193], [8193]],
  [[8193], []],
  [[], [3]],
  [
    [2, 3, 5, 7],
    [3, 1, 1],
  ],
  [[4, 10], [10]],
  [
    [4, 1],
    [1, 6],
  ],
  [
    [3, 1, 5],
    [1, 4, 1],
  ],
  [
    [2, 1, 3, 1, 2, 1],
    [1, 2, 1, 2, 1, 3],
  ],
  [
    [64, 6, 28, 28],
    [6, 1, 1],
  ],
];

describe('binary operators broadcast', () => {
  for (const [name, op] of Object.entries(binaryOps)) {
    for (const [a, b] of shapes) {
      it(`${name} [${a}] [${b}]`, async () => {
        const inputs = [randomTensor('a', a, 0.5, 2), randomTensor('b', b, 2.1, 3)];
        const smooth = name !== 'greater_equal';
        await checkOp({
          build: ([x, y]) => apply1(op, [x, y], null),
          inputs,
          step: smooth && Math.max(inputs[0].data.length, inputs[1].data.length) < 1000 ? 1e-2 : 0,
        });
      });
    }
  }
});
