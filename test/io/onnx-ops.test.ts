/** Operators that networks use and ONNX's node cases in the reference data do not cover, against onnxruntime. */
import * as ort from 'onnxruntime-web';
import { describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.ts';
import { type Tensor, tensor } from '../../src/core/tensor.ts';
import { importOnnx } from '../../src/io/onnx/import.ts';
import type { NodeProto, Partially } from '../../src/io/onnx/proto.ts';
import { Graph } from '../../src/ir/graph.ts';
import { Builder } from '../../src/nn/builder.ts';
import { createBackend } from '../../workers/node.ts';
import { type FileOptions, file, floats, int64s, node } from '../onnx/make.ts';
import { randomTensor } from '../op.ts';

ort.env.wasm.numThreads = 1;
const backend = await createBackend({ threads: 2 });

async function ours(bytes: Uint8Array, feeds: Record<string, Tensor>): Promise<Record<string, Tensor>> {
  const graph = new Graph();
  const inputs = Object.entries(feeds).map(([name, t]) => [name, { value: graph.input(name, t) }] as const);
  for (const [name, value] of importOnnx(bytes).build(new Builder(graph, false), new Map(inputs))) {
    graph.output(name, value);
  }
  const store = backend.createStore();
  for (const { spec } of graph.variables.values()) {
    store.add(spec);
    await store.write(spec.name, tensor(spec.shape, spec.init(spec.shape, new Random(0))));
  }
  const executable = await backend.load(graph, store);
  const results = await executable.run(feeds);
  executable.dispose();
  store.dispose();
  return results;
}

interface Case extends FileOptions {
  readonly nodes: readonly Partially<NodeProto>[];
}

async function check({ nodes, ...options }: Case): Promise<void> {
  const inputs = options.inputs ?? { x: [2, 4, 5, 6] };
  const bytes = file(nodes, { ...options, inputs });
  const feeds: Record<string, Tensor> = {};
  for (const [name, dims] of Object.entries(inputs))
    feeds[name] = randomTensor(name, dims as number[], -2, 2);
  const session = await ort.InferenceSession.create(bytes);
  const wanted = await session.run(
    Object.fromEntries(
      Object.entries(feeds).map(([name, t]) => [
        name,
        new ort.Tensor('float32', t.data as Float32Array, t.shape),
      ]),
    ),
  );
  await session.release();
  const actual = await ours(bytes, feeds);
  for (const name of options.outputs ?? ['y']) {
    expect(actual[name].shape, name).toEqual(wanted[name].dims);
    const list = Array.from(wanted[name].data as ArrayLike<number | bigint | boolean>, Number);
    expect(list.length).toBeGreaterThan(0);
    list.forEach((w, i) => {
      const difference = Math.abs(actual[name].data[i] - w);
      expect(difference, `${name}[${i}]: ${actual[name].data[i]} against ${w}`).toBeLessThanOrEqual(
        2e-5 * Math.max(1, Math.abs(w)),
      );
    });
  }
}

const one = (...args: Parameters<typeof node>): Case => ({ nodes: [node(...args)] });
const scales = floats('s', [4], [1, 1, 1.6, 0.7]);
const sizes = int64s('z', [2, 4, 9, 4]);

const cases: Record<string, Case> = {
  Softsign: one('Softsign', ['x'], 'y'),
  Sign: one('Sign', ['x'], 'y'),
  Celu: { ...one('Celu', ['x'], 'y', { alpha: { float: 1.7 } }), opset: 12 },
  Selu: one('Selu', ['x'], 'y'),
  Mish: { ...one('Mish', ['x'], 'y'), opset: 18 },
  ThresholdedRelu: one('ThresholdedRelu', ['x'], 'y', { alpha: { float: 0.6 } }),
  HardSwish: one('HardSwish', ['x'], 'y'),
  InstanceNormalization: {
    ...one('InstanceNormalization', ['x', 'g', 'b'], 'y'),
    initializers: [floats('g', [4], [1, 2, 3, -1]), floats('b', [4], [0, 1, 0, 2])],
  },
  'convolution without group or kernel_shape, SAME_LOWER': {
    ...one('Conv', ['x', 'w'], 'y', { auto_pad: 'SAME_LOWER', strides: [2, 3] }),
    initializers: [floats('w', [3, 4, 2, 2], randomTensor('w', [48]).data)],
  },
  'one-dimensional convolution and pools': {
    nodes: [
      node('Conv', ['x', 'w'], 'c', { pads: [2, 0], dilations: [2], group: 2 }),
      node('MaxPool', ['c'], 'm', { kernel_shape: [3], ceil_mode: 1, strides: [2] }),
      node('AveragePool', ['m'], 'y', { kernel_shape: [2], count_include_pad: 1, pads: [1, 0] }),
    ],
    inputs: { x: [2, 4, 11] },
    initializers: [floats('w', [4, 2, 2], randomTensor('w', [16]).data)],
  },
  GlobalMaxPool: one('GlobalMaxPool', ['x'], 'y'),
  'logarithm of sums of exponentials': one('ReduceLogSumExp', ['x'], 'y', { axes: [1, 3], keepdims: 0 }),
  ReduceL1: one('ReduceL1', ['x'], 'y', { axes: [-1] }),
  ReduceL2: one('ReduceL2', ['x'], 'y', { axes: [0, 2], keepdims: 0 }),
  ReduceSumSquare: one('ReduceSumSquare', ['x'], 'y', { axes: [2] }),
  ReduceProd: one('ReduceProd', ['x'], 'y', { axes: [1] }),
  ArgMax: one('ArgMax', ['x'], 'y', { axis: -1, keepdims: 0 }),
  ArgMin: one('ArgMin', ['x'], 'y', { axis: 1, select_last_index: 1 }),
  'comparisons, logic, selection': {
    nodes: [
      node('Greater', ['x', 'half'], 'a'),
      node('LessOrEqual', ['x', 'half'], 'b'),
      node('Less', ['x', 'minus'], 'c'),
      node('GreaterOrEqual', ['x', 'minus'], 'd'),
      node('Or', ['a', 'c'], 'e'),
      node('And', ['b', 'd'], 'f'),
      node('Not', ['f'], 'g'),
      node('Equal', ['x', 'x'], 'h'),
      node('Where', ['e', 'x', 'half'], 'i'),
      node('Cast', ['g'], 'j', { to: 1 }),
      node('Cast', ['h'], 'k', { to: 1 }),
      node('Sum', ['i', 'j', 'k'], 'y'),
    ],
    initializers: [floats('half', [], [0.5]), floats('minus', [1, 4, 1, 1], [-1, -0.5, 0, 0.25])],
  },
  'integers cut from floats, their arithmetic': {
    nodes: [
      node('Cast', ['x'], 'i', { to: 7 }),
      node('Mul', ['i', 'three'], 'm'),
      node('Sub', ['m', 'i'], 's'),
      node('Neg', ['s'], 'n'),
      node('Max', ['n', 'three', 'i'], 'y'),
    ],
    initializers: [int64s('three', [3], [])],
  },
  'gather with indices from data': {
    nodes: [
      node('ArgMax', ['x'], 'i', { axis: 3, keepdims: 0 }),
      node('Gather', ['w', 'i'], 'y', { axis: 1 }),
    ],
    initializers: [floats('w', [2, 6], randomTensor('w', [12]).data)],
  },
  Tile: { ...one('Tile', ['x', 'r'], 'y'), initializers: [int64s('r', [2, 1, 3, 2])] },
  'DepthToSpace DCR': one('DepthToSpace', ['x'], 'y', { blocksize: 2 }),
  'DepthToSpace CRD': one('DepthToSpace', ['x'], 'y', { blocksize: 2, mode: 'CRD' }),
  SpaceToDepth: { ...one('SpaceToDepth', ['x'], 'y', { blocksize: 2 }), inputs: { x: [2, 3, 4, 6] } },
  'Split into unequal parts': {
    ...one('Split', ['x'], ['y', 'z'], { axis: 3, num_outputs: 2 }),
    opset: 18,
    inputs: { x: [2, 3, 5, 7] },
    outputs: ['y', 'z'],
  },
  'Expand both ways': {
    ...one('Expand', ['x', 's'], 'y'),
    inputs: { x: [3, 1] },
    initializers: [int64s('s', [2, 1, 6])],
  },
  'Upsample, linear': {
    ...one('Upsample', ['x', 's'], 'y', { mode: 'linear' }),
    opset: 9,
    initializers: [floats('s', [4], [1, 1, 2, 3])],
  },
  'Concat of shapes, sizes and ranges of them': {
    nodes: [
      node('Shape', ['x'], 'all'),
      node('Shape', ['x'], 'last', { start: -2 }),
      node('Size', ['x'], 'n'),
      node('Reshape', ['n', 'one'], 'n1'),
      node('ReduceProd', ['last'], 'p', { keepdims: 1 }),
      node('Div', ['n1', 'p'], 'q'),
      node('Concat', ['q', 'last'], 'shape', { axis: 0 }),
      node('Reshape', ['x', 'shape'], 'r'),
      node('ConstantOfShape', ['shape'], 'c', { value: floats('v', [1], [0.5]) }),
      node('Mul', ['r', 'c'], 'y'),
    ],
    initializers: [int64s('one', [1])],
  },
};
for (const mode of ['edge', 'reflect']) {
  cases[`Pad ${mode}`] = {
    ...one('Pad', ['x', 'p'], 'y', { mode }),
    initializers: [int64s('p', [0, 1, 2, 3, 0, 0, 4, 2])],
  };
}
for (const transformation of ['half_pixel', 'asymmetric', 'align_corners', 'pytorch_half_pixel']) {
  const coordinate = { coordinate_transformation_mode: transformation };
  for (const nearest of ['round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil']) {
    cases[`Resize nearest, ${transformation}, ${nearest}`] = {
      // With scales that end within an element, onnxruntime's aligned corners are not ONNX's.
      ...(transformation === 'align_corners'
        ? {
            ...one('Resize', ['x', '', '', 'z'], 'y', { ...coordinate, nearest_mode: nearest }),
            initializers: [sizes],
          }
        : {
            ...one('Resize', ['x', '', 's'], 'y', { ...coordinate, nearest_mode: nearest }),
            initializers: [scales],
          }),
    };
  }
  for (const mode of ['linear', 'cubic']) {
    cases[`Resize ${mode} to sizes, ${transformation}`] = {
      ...one('Resize', ['x', '', '', 'z'], 'y', { ...coordinate, mode }),
      initializers: [sizes],
    };
  }
}

describe('operators against onnxruntime', () => {
  for (const [name, c] of Object.entries(cases)) it(name, () => check(c));
});
