/** Convolutions by tiles in workgroup memory, as GPUs compute them, where there is an adapter (see test/op.ts). */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../../src/backend.ts';
import type { Tensor } from '../../src/core/tensor.ts';
import { Graph, type Value } from '../../src/ir/graph.ts';
import { add, mul } from '../../src/ops/binary.ts';
import { type Conv2dOptions, conv2d, convTranspose2d } from '../../src/ops/conv2d.ts';
import { relu } from '../../src/ops/elementwise.ts';
import { reduceSum } from '../../src/ops/reduce.ts';
import { compile } from '../../src/plan/compile.ts';
import { gradients } from '../../src/plan/grad.ts';
import { ReferenceBackend } from '../../src/reference/index.ts';
import { type WebgpuBackend, webgpuTarget } from '../../src/webgpu/index.ts';
import { createWebgpuBackend } from '../../workers/node-webgpu.ts';
import { randomTensor, relativeError, webgpuBackend } from '../op.ts';

type Case = [name: string, x: number[], w: number[], options?: Omit<Conv2dOptions, 'bias'>];

/** Tiles are of 64 channels and 64 pixels, and 16 deep. */
const cases: Case[] = [
  ['full tiles', [1, 32, 8, 8], [64, 32, 1, 1]],
  ['one channel and one pixel more', [1, 8, 5, 13], [65, 8, 3, 3], { padding: 1 }],
  ['the smallest that is tiled', [1, 4, 6, 8], [32, 4, 3, 3], { padding: [1, 1, 0, 1] }],
  ['a sum that ends within a tile', [2, 5, 7, 6], [33, 5, 3, 3], { padding: 1 }],
  ['several tiles of both, stride 2', [2, 9, 17, 19], [130, 9, 3, 3], { padding: 1, stride: 2 }],
  ['two groups, dilation 2', [2, 8, 9, 10], [80, 4, 3, 3], { padding: 2, dilation: 2, groups: 2 }],
  ['stride 3×1, 4×3', [1, 6, 16, 9], [40, 6, 4, 3], { stride: [3, 1], padding: [2, 1] }],
  ['cropped', [1, 6, 11, 12], [36, 6, 3, 3], { padding: [-1, 2, -2, 0] }],
];

async function run(backend: Backend, graph: Graph, inputs: Readonly<Record<string, Tensor>>) {
  const executable = await backend.load(graph, backend.createStore());
  const results = await executable.run(inputs);
  executable.dispose();
  return results;
}

/** Whether a shader of the plan multiplies tiles. */
const tiles = (graph: Graph): boolean =>
  compile(graph, webgpuTarget({ subgroup: 0 })).steps.some(
    ({ kernel, label }) => label.startsWith('conv') && kernel.wgsl.includes('tileB'),
  );

const found = (await webgpuBackend()) !== null;

describe.skipIf(!found)('tiled convolution', () => {
  let gpu: WebgpuBackend;
  beforeAll(async () => {
    gpu = await createWebgpuBackend({ traits: { subgroup: 0 } });
  });
  afterAll(() => gpu.dispose());

  async function check(
    build: (inputs: Record<string, Value>) => Record<string, Value>,
    given: Record<string, Tensor>,
  ) {
    const graph = new Graph();
    const values = Object.entries(given).map(([name, t]) => [name, graph.input(name, t)] as const);
    for (const [name, y] of Object.entries(build(Object.fromEntries(values)))) graph.output(name, y);
    expect(tiles(graph)).toBe(true);
    const [actual, wanted] = [await run(gpu, graph, given), await run(new ReferenceBackend(), graph, given)];
    for (const [name, { data }] of Object.entries(wanted)) {
      expect(relativeError(actual[name]!.data, data), name).toBeLessThanOrEqual(1e-5);
    }
  }

  it.each(cases)('%s', (_, x, w, options) => {
    const given = { x: randomTensor('x', x), w: randomTensor('w', w), b: randomTensor('b', [w[0]!]) };
    return check(({ x, w, b }) => ({ y: relu(conv2d(x!, w!, { ...options, bias: b })) }), given);
  });

  it.each([
    ['padded by one side more', [2, 40, 7, 9], [48, 40, 3, 3], { padding: [1, 2, 1, 0] }],
    ['stride 2, a kernel of 3', [2, 33, 8, 13], [36, 33, 3, 3], { padding: 1, stride: 2 }],
  ] as Case[])('gradient to the input: %s', (_, x, w, options) =>
    check(
      ({ x, w }) => {
        const y = conv2d(x!, w!, options);
        const loss = reduceSum(mul(y, y.graph.constant(randomTensor('dy', y.shape))), [0, 1, 2, 3]);
        return { dx: gradients(loss, [x!]).get(x!)! };
      },
      { x: randomTensor('x', x), w: randomTensor('w', w) },
    ),
  );

  it('transposed, stride 2: a pass for each phase', () =>
    check(({ x, w, b }) => ({ y: convTranspose2d(x!, w!, { stride: 2, padding: 1, bias: b }) }), {
      x: randomTensor('x', [2, 34, 7, 6]),
      w: randomTensor('w', [34, 40, 4, 4]),
      b: randomTensor('b', [40]),
    }));

  it('adds a residual, in place too', () =>
    check(({ x, w, r }) => ({ y: relu(add(conv2d(x!, w!, { padding: 1 }), relu(r!))) }), {
      x: randomTensor('x', [1, 8, 9, 8]),
      w: randomTensor('w', [40, 8, 3, 3]),
      r: randomTensor('r', [1, 40, 9, 8]),
    }));
});
