/** Weights in half precision, where there is an adapter (see test/op.ts). */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../../src/backend.ts';
import type { Tensor } from '../../src/core/tensor.ts';
import { tensor } from '../../src/core/tensor.ts';
import { Graph, type Value } from '../../src/ir/graph.ts';
import { mul } from '../../src/ops/binary.ts';
import { conv2d } from '../../src/ops/conv2d.ts';
import { tanh } from '../../src/ops/elementwise.ts';
import { linear } from '../../src/ops/matmul.ts';
import { reduceSum } from '../../src/ops/reduce.ts';
import { gradients } from '../../src/plan/grad.ts';
import { ReferenceBackend } from '../../src/reference/index.ts';
import type { WebgpuBackend } from '../../src/webgpu/index.ts';
import { createWebgpuBackend } from '../../workers/node-webgpu.ts';
import { randomTensor, webgpuBackend } from '../op.ts';

interface Case {
  readonly name: string;
  readonly build: (x: Value, w: Value, b: Value | null) => Value;
  readonly x: readonly number[];
  readonly w: readonly number[];
}

const conv =
  (options: object): Case['build'] =>
  (x, w, b) =>
    conv2d(x, w, { ...options, bias: b });
const cases: readonly Case[] = [
  { name: '3×3, padded', build: conv({ padding: 1 }), x: [2, 5, 7, 9], w: [10, 5, 3, 3] },
  { name: 'two groups, stride 2', build: conv({ groups: 2, stride: 2 }), x: [1, 6, 9, 9], w: [8, 3, 3, 3] },
  { name: '1×1, 20 channels', build: conv({}), x: [1, 8, 4, 8], w: [20, 8, 1, 1] },
  { name: 'kernel as large as the image', build: conv({}), x: [3, 4, 4, 4], w: [6, 4, 4, 4] },
  { name: '3×3, tiled on GPUs', build: conv({ padding: 1 }), x: [1, 4, 6, 7], w: [34, 4, 3, 3] },
  { name: 'linear', build: linear, x: [3, 36], w: [11, 36] },
  { name: 'linear, tiled on GPUs', build: linear, x: [40, 36], w: [70, 36] },
];

/** Channels and taps of a sum, at most. */
const LONGEST = 64;
const absolute = (t: Tensor): Tensor => ({ ...t, data: t.data.map(Math.abs) as Float32Array });
const bits = (t: Tensor) => Buffer.from(t.data.buffer, t.data.byteOffset, t.data.byteLength);

async function run(backend: Backend, graph: Graph, x: Tensor): Promise<Tensor> {
  const store = backend.createStore();
  const executable = await backend.load(graph, store);
  const { y } = await executable.run({ x });
  executable.dispose();
  store.dispose();
  return y as Tensor;
}

/** The weights are constants: no run changes them. */
function forward(c: Case, backend: Backend, x: Tensor, w: Tensor, b: Tensor | null): Promise<Tensor> {
  const graph = new Graph();
  const bias = b && graph.constant(b);
  graph.output('y', c.build(graph.input('x', x), graph.constant(w), bias));
  return run(backend, graph, x);
}

const found = (await webgpuBackend()) !== null;

describe.skipIf(!found)('half precision on a GPU', () => {
  const open: WebgpuBackend[] = [];
  const pairs: { single: WebgpuBackend; half: WebgpuBackend }[] = [];
  beforeAll(async () => {
    const opened = async (options: object) => {
      const backend = await createWebgpuBackend(options);
      open.push(backend);
      return backend;
    };
    const traits = { subgroup: 0 };
    pairs.push({ single: await opened({}), half: await opened({ precision: 'f16' }) });
    pairs.push({ single: await opened({ traits }), half: await opened({ precision: 'f16', traits }) });
  });
  afterAll(() => {
    for (const backend of open) backend.dispose();
  });

  it.each(cases)('$name: errors are those of rounded weights', async (c) => {
    const x = randomTensor('x', c.x);
    const w = randomTensor('w', c.w);
    const b = randomTensor('b', [c.w[0]!]);
    const wanted = await forward(c, new ReferenceBackend(), x, w, b);
    const sums = await forward(c, new ReferenceBackend(), absolute(x), absolute(w), absolute(b));
    // WGSL rounds to either neighbour: 2⁻¹⁰ of a weight at most. Sums in f32: half a unit in the last place an addition.
    const bound = 2 ** -10 + LONGEST * 2 ** -23;
    for (const { single, half } of pairs) {
      const y = await forward(c, half, x, w, b);
      y.data.forEach((v, i) => {
        expect(Math.abs(v - wanted.data[i]!)).toBeLessThanOrEqual(bound * sums.data[i]!);
      });
      expect(bits(y).equals(bits(await forward(c, single, x, w, b)))).toBe(false);
    }
  });

  it.each(cases)('$name: weights that are halves already give the same bits', async (c) => {
    const x = randomTensor('x', c.x);
    const random = randomTensor('w', c.w);
    const w = { ...random, data: random.data.map((v) => Math.round(v * 1024) / 1024) as Float32Array };
    for (const { single, half } of pairs) {
      const y = await forward(c, half, x, w, null);
      expect(bits(y).equals(bits(await forward(c, single, x, w, null)))).toBe(true);
    }
  });

  it('weights beyond the largest half become that', async () => {
    const [c] = cases.slice(-1) as [Case];
    const x = tensor(c.x, new Float32Array(40 * 36).fill(1));
    const w = tensor(c.w, new Float32Array(70 * 36).fill(-1e9));
    for (const { half } of pairs)
      expect((await forward(c, half, x, w, null)).data.every((v) => v === -36 * 65504)).toBe(true);
  });

  it('weights that a run changes stay as they are', async () => {
    const graph = new Graph();
    const x = randomTensor('x', [2, 36]);
    const spec = { name: 'w', shape: [8, 36], role: 'parameter' as const, parameters: 1 };
    const w = graph.variable({ ...spec, init: () => new Float32Array(0) });
    const y = tanh(linear(graph.input('x', x), w, null));
    graph.output('y', y);
    graph.update(w, mul(w, gradients(reduceSum(y, [0, 1]), [w]).get(w) as Value));
    const ys = [];
    for (const backend of [pairs[0]!.single, pairs[0]!.half]) {
      const store = backend.createStore();
      store.add([...graph.variables.values()][0]!.spec);
      await store.write('w', randomTensor('w', [8, 36]));
      const executable = await backend.load(graph, store);
      ys.push((await executable.run({ x })).y as Tensor, await store.read('w'));
      executable.dispose();
      store.dispose();
    }
    expect(bits(ys[2]!).equals(bits(ys[0]!))).toBe(true);
    expect(bits(ys[3]!).equals(bits(ys[1]!))).toBe(true);
  });
});
