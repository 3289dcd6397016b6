import { describe, expect, it } from 'vitest';
import { Graph, type Node, type Value } from '../../src/ir/graph.ts';
import { batchNormInference } from '../../src/ops/batch-norm.ts';
import { add, mul } from '../../src/ops/binary.ts';
import { conv2d } from '../../src/ops/conv2d.ts';
import { leakyRelu, relu } from '../../src/ops/elementwise.ts';
import { simplify } from '../../src/plan/simplify.ts';
import { checkOp, randomTensor } from '../op.ts';

/** Names of what is left of y at every run, that is, without what depends on constants alone. */
function stepsOf(build: (x: Value) => Value, shape: number[]): string[] {
  const graph = new Graph();
  const x = graph.input('x', { dtype: 'f32', shape });
  graph.output('y', build(x));
  const changing = new Set<Value>([x]);
  return simplify(graph).flatMap((node: Node) => {
    if (!node.inputs.some((v) => v && changing.has(v))) return [];
    for (const y of node.outputs) changing.add(y);
    return [node.op.name];
  });
}

const constant = (x: Value, name: string, shape: number[], low = -0.3, high = 0.3): Value =>
  x.graph.constant(randomTensor(name, shape, low, high));

interface Conv {
  readonly out: number;
  readonly kernel?: number;
  readonly stride?: number;
  readonly groups?: number;
  readonly bias?: boolean;
}

const convolution = (
  name: string,
  x: Value,
  { out, kernel = 3, stride = 1, groups = 1, bias }: Conv,
): Value =>
  conv2d(x, constant(x, name, [out, x.shape[1] / groups, kernel, kernel]), {
    bias: bias ? constant(x, `${name}.bias`, [out]) : null,
    padding: (kernel - 1) / 2,
    stride,
    groups,
  });

const normalised = (name: string, x: Value): Value => {
  const of = (part: string, low: number, high: number) =>
    constant(x, `${name}.${part}`, [x.shape[1]], low, high);
  return batchNormInference(x, of('gamma', 0.5, 2), of('beta', -1, 1), of('mean', -1, 1), of('var', 0.5, 2));
};

/** One for each kernel that can end a convolution. */
const kinds: [name: string, shape: number[], conv: Conv][] = [
  ['Winograd', [2, 32, 13, 14], { out: 33 }],
  ['by panels', [2, 5, 9, 10], { out: 20, stride: 2 }],
  ['pointwise', [1, 9, 7, 6], { out: 17, kernel: 1 }],
  ['few channels', [2, 3, 17, 18], { out: 7 }],
  ['depthwise', [2, 6, 11, 9], { out: 6, groups: 6 }],
  ['K in several blocks', [1, 300, 5, 5], { out: 20, kernel: 1 }],
];

describe('what follows a convolution becomes its end', () => {
  for (const [name, shape, conv] of kinds) {
    const cases: Record<string, (x: Value) => Value> = {
      'batch norm': (x) => normalised('bn', convolution('w', x, conv)),
      'batch norm after a bias, ReLU': (x) =>
        relu(normalised('bn', convolution('w', x, { ...conv, bias: true }))),
      'residual, ReLU': (x) => {
        const other = convolution('v', x, { ...conv, kernel: 1, groups: 1 });
        return relu(add(convolution('w', x, conv), mul(other, other)));
      },
      'residual on the left, computed first': (x) => {
        const other = convolution('v', x, { ...conv, kernel: 1, groups: 1 });
        return add(mul(other, other), convolution('w', x, conv));
      },
    };
    for (const [end, build] of Object.entries(cases)) {
      it(`${name}: ${end}`, async () => {
        const steps = stepsOf(build, shape);
        expect(steps.filter((op) => op !== 'conv2d' && op !== 'mul')).toEqual([]);
        await checkOp({
          build: ([x]) => build(x),
          inputs: [randomTensor('x', shape)],
          differentiate: [],
          step: 0,
        });
      });
    }
  }

  it('a residual block with a projection', async () => {
    const shape = [2, 8, 10, 10];
    const build = (x: Value): Value => {
      const y = relu(normalised('bn1', convolution('conv1', x, { out: 16, stride: 2 })));
      const z = normalised('bn2', convolution('conv2', y, { out: 16 }));
      return relu(add(z, normalised('bn3', convolution('down', x, { out: 16, kernel: 1, stride: 2 }))));
    };
    expect(stepsOf(build, shape)).toEqual(['conv2d', 'conv2d', 'conv2d']);
    await checkOp({
      build: ([x]) => build(x),
      inputs: [randomTensor('x', shape)],
      differentiate: [],
      step: 0,
    });
  });
});

describe('what stays', () => {
  const shape = [1, 4, 6, 6];
  const conv: Conv = { out: 4 };
  const cases: Record<string, [build: (x: Value) => Value, steps: string[]]> = {
    'a second consumer': [
      (x) => {
        const y = convolution('w', x, conv);
        return mul(relu(y), y);
      },
      ['conv2d', 'relu', 'mul'],
    ],
    'a sum with itself': [
      (x) => {
        const y = convolution('w', x, conv);
        return add(y, y);
      },
      ['conv2d', 'add'],
    ],
    'a sum that is stretched': [
      (x) => add(convolution('w', x, conv), constant(x, 's', [4, 1, 1])),
      ['conv2d', 'add'],
    ],
    'batch norm after an activation': [
      (x) => normalised('bn', relu(convolution('w', x, conv))),
      ['conv2d', 'channel_affine'],
    ],
    'a sum after an activation': [(x) => add(relu(convolution('w', x, conv)), x), ['conv2d', 'add']],
    'batch norm after a residual': [
      (x) => normalised('bn', add(convolution('w', x, conv), x)),
      ['conv2d', 'channel_affine'],
    ],
    'another activation after a residual': [
      (x) => leakyRelu(add(convolution('w', x, conv), x)),
      ['conv2d', 'leaky_relu'],
    ],
    'weights that change': [
      (x) => normalised('bn', conv2d(x, mul(x, x))),
      ['mul', 'conv2d', 'channel_affine'],
    ],
  };
  for (const [name, [build, steps]] of Object.entries(cases)) {
    const size = name === 'weights that change' ? [4, 4, 6, 6] : shape;
    it(name, async () => {
      expect(stepsOf(build, size)).toEqual(steps);
      await checkOp({
        build: ([x]) => build(x),
        inputs: [randomTensor('x', size)],
        differentiate: [],
        step: 0,
      });
    });
  }
});
