/** The WebGPU backend's store and executables, where there is an adapter (see test/op.ts). */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tensor } from '../../src/core/tensor.ts';
import { Graph } from '../../src/ir/graph.ts';
import { add, mul } from '../../src/ops/binary.ts';
import { matmul } from '../../src/ops/matmul.ts';
import type { WebgpuBackend } from '../../src/webgpu/index.ts';
import { createWebgpuBackend } from '../../workers/node-webgpu.ts';
import { relativeError, webgpuBackend } from '../op.ts';

const spec = (name: string, shape: readonly number[]) => ({
  ...{ name, shape, role: 'parameter' as const, parameters: 1 },
  init: () => new Float32Array(0),
});
const found = (await webgpuBackend()) !== null;

/** y = x·w, w ← w + x. */
function graphOf(shape: readonly number[]): Graph {
  const graph = new Graph();
  const x = graph.input('x', { dtype: 'f32', shape });
  const w = graph.variable(spec('w', shape));
  graph.output('y', mul(x, w));
  graph.update(w, add(w, x));
  return graph;
}

/** What a device is told after every encoder was made. Returns how to stop. */
function onEncoders(device: GPUDevice, told: (encoder: GPUCommandEncoder) => void): () => void {
  const create = device.createCommandEncoder.bind(device);
  device.createCommandEncoder = (descriptor) => {
    const encoder = create(descriptor);
    told(encoder);
    return encoder;
  };
  return () => {
    device.createCommandEncoder = create;
  };
}

const dropCopies = (device: GPUDevice): (() => void) =>
  onEncoders(device, (encoder) => {
    encoder.copyBufferToBuffer = () => undefined;
  });

/** Counts submissions, copies, and everything that is made, from now on. */
function countCalls(device: GPUDevice): { calls: Record<string, number>; stop: () => void } {
  const calls: Record<string, number> = {};
  const stops: (() => void)[] = [];
  const count = (on: object, name: string) => {
    const target = on as Record<string, (...args: unknown[]) => unknown>;
    const method = target[name]!;
    target[name] = (...args) => {
      calls[name] = (calls[name] ?? 0) + 1;
      return method.apply(on, args);
    };
    stops.push(() => {
      target[name] = method;
    });
  };
  count(device.queue, 'submit');
  for (const what of ['Buffer', 'BindGroup', 'ShaderModule', 'ComputePipeline', 'ComputePipelineAsync'])
    count(device, `create${what}`);
  stops.push(onEncoders(device, (encoder) => count(encoder, 'copyBufferToBuffer')));
  const stop = () => {
    for (const undo of stops) undo();
  };
  return { calls, stop };
}

describe.skipIf(!found)('on a GPU', () => {
  let backend: WebgpuBackend;
  beforeAll(async () => {
    backend = (await webgpuBackend()) as WebgpuBackend;
  });
  afterAll(() => backend.dispose());

  it('runs, replays, updates variables, and frees everything', async () => {
    const before = backend.usedBytes;
    const store = backend.createStore();
    store.add(spec('w', [5]));
    await store.write('w', tensor([5], [1, 2, 3, 4, 5]));
    const e = await backend.load(graphOf([5]), store);
    const x = tensor([5], [1, 1, 2, 2, 3]);
    expect([...(await e.run({ x })).y!.data]).toEqual([1, 2, 6, 8, 15]);
    await e.replay();
    expect([...(await e.results()).y!.data]).toEqual([2, 3, 10, 12, 24]);
    expect([...(await store.read('w')).data]).toEqual([3, 4, 7, 8, 11]);
    const times = await e.profile();
    expect(times.map((t) => t.label)).toEqual(['mul', 'add']);
    for (const { milliseconds } of times) expect(milliseconds).toBeGreaterThanOrEqual(0);
    e.dispose();
    store.dispose();
    expect(backend.usedBytes).toBe(before);
    await expect(e.run({ x })).rejects.toThrow(/disposed/);
  });

  it('many runs at a time do not mix', async () => {
    const store = backend.createStore();
    store.add(spec('w', [1000]));
    await store.write('w', tensor([1000], new Float32Array(1000).fill(1)));
    const e = await backend.load(graphOf([1000]), store);
    const x = tensor([1000], new Float32Array(1000).fill(1));
    const runs = await Promise.all(Array.from({ length: 20 }, () => e.run({ x })));
    runs.forEach(({ y }, i) => {
      expect(y!.data.every((v) => v === i + 1)).toBe(true);
    });
    e.dispose();
    store.dispose();
  });

  it('long work is cut, and gives the same', async () => {
    const graph = new Graph();
    const n = 768;
    const a = graph.input('a', { dtype: 'f32', shape: [n, n] });
    graph.output('y', matmul(a, a));
    const store = backend.createStore();
    const e = await backend.load(graph, store);
    const data = tensor(
      [n, n],
      Float32Array.from({ length: n * n }, (_, i) => ((i * 7919) % 1009) / 504 - 1),
    );
    const runs = [];
    for (let i = 0; i < 4; i++) runs.push((await e.run({ a: data })).y!.data);
    for (const y of runs) expect(relativeError(y, runs[0]!)).toBe(0);
    e.dispose();
    store.dispose();
  });

  it('a settled run is one submission, makes nothing anew, and reads only what is asked for', async () => {
    const store = backend.createStore();
    store.add(spec('w', [1000]));
    await store.write('w', tensor([1000], new Float32Array(1000).fill(1)));
    const e = await backend.load(graphOf([1000]), store);
    const x = tensor([1000], new Float32Array(1000).fill(1));
    for (let i = 0; i < 4; i++) await e.run({ x });
    const { calls, stop } = countCalls(backend.device);
    await e.replay();
    expect(calls).toEqual({ submit: 1 });
    expect((await e.run({ x })).y!.data[0]).toBe(6);
    expect(calls).toEqual({ submit: 2, copyBufferToBuffer: 2 });
    stop();
    e.dispose();
    store.dispose();
  });

  it('results that were not copied are an error, not zeros', async () => {
    const graph = new Graph();
    graph.output('y', add(graph.input('x', { dtype: 'f32', shape: [4] }), graph.constant(tensor([4]))));
    const store = backend.createStore();
    const e = await backend.load(graph, store);
    const x = tensor([4], [1, 2, 3, 4]);
    const { data } = (await e.run({ x })).y!;
    const stop = dropCopies(backend.device);
    await expect(e.run({ x })).rejects.toMatchObject({ code: 'device', message: /did not write/ });
    stop();
    expect((await e.run({ x })).y!.data).toEqual(data);
    e.dispose();
    store.dispose();
  });

  it('what does not fit is an error of memory, and leaves nothing behind', async () => {
    const before = backend.usedBytes;
    const graph = new Graph();
    const x = graph.input('x', { dtype: 'f32', shape: [2 ** 20] });
    const y = graph.input('z', { dtype: 'f32', shape: [2 ** 20, 1] });
    graph.output('y', add(x, y));
    const store = backend.createStore();
    await expect(backend.load(graph, store)).rejects.toMatchObject({ code: 'memory' });
    store.dispose();
    expect(backend.usedBytes).toBe(before);
  });

  it('a lost device ends what is under way, and refuses what comes', async () => {
    const other = await createWebgpuBackend();
    const store = other.createStore();
    store.add(spec('w', [5]));
    const e = await other.load(graphOf([5]), store);
    const x = tensor([5]);
    await e.run({ x });
    const pending = [e.run({ x }), store.read('w'), e.replay()];
    other.device.destroy();
    for (const p of pending) await expect(p).rejects.toMatchObject({ code: 'device' });
    expect(other.lost).toMatchObject({ code: 'device' });
    await expect(e.run({ x })).rejects.toMatchObject({ code: 'device' });
    await expect(store.read('w')).rejects.toMatchObject({ code: 'device' });
    await expect(store.write('w', x)).rejects.toMatchObject({ code: 'device' });
    await expect(other.load(graphOf([5]), store)).rejects.toMatchObject({ code: 'device' });
  });
});
