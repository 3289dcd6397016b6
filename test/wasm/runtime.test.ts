/** The runtime under stress and under faults: traps, exhaustion, churn, barriers, wrong feeds. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import { afterAll, describe, expect, it } from 'vitest';
import { Command, Opcode } from '../../as/protocol.ts';
import type { LensletError } from '../../src/core/error.ts';
import { type Tensor, tensor } from '../../src/core/tensor.ts';
import { Graph, type Value } from '../../src/ir/graph.ts';
import { add, binaryOps } from '../../src/ops/binary.ts';
import { relu, unary } from '../../src/ops/elementwise.ts';
import { reduceSum } from '../../src/ops/reduce.ts';
import { Heap } from '../../src/wasm/heap.ts';
import { type Spawn, type ThreadHandle, type ThreadInit, WasmBackend } from '../../src/wasm/index.ts';
import { createBackend } from '../../workers/node.ts';
import { randomTensor } from '../op.ts';

const MiB = 1048576;
const made: WasmBackend[] = [];
async function backendOf(threads: number): Promise<WasmBackend> {
  const backend = await createBackend({ threads, memoryBytes: 128 * MiB });
  made.push(backend);
  return backend;
}
afterAll(() => {
  for (const backend of made) backend.dispose();
});

/** All memory of a backend: the buffer that its blocks lie in. */
const wordsOf = (backend: WasmBackend): Int32Array =>
  new Int32Array((backend as unknown as { pool: { memory: WebAssembly.Memory } }).pool.memory.buffer);

const ELEMENTS = 40 * 8192;

/** add, relu, exp, neg of 40 tiles each, and a sum. */
function chain(): Graph {
  const graph = new Graph();
  const x = graph.input('x', { dtype: 'f32', shape: [ELEMENTS] });
  const y = unary('exp', relu(add(x, x)));
  graph.output('y', reduceSum(unary('neg', y), [0]));
  return graph;
}

/** The records of relu, exp and neg, in the order of the program. */
function unaryRecords(backend: WasmBackend): number[] {
  const words = wordsOf(backend);
  const found: number[] = [];
  for (let i = 0; i < words.length - 6; i++) {
    if (words[i] !== Opcode.UNARY || words[i + Command.TILES / 4] !== 40) continue;
    if (words[i + Command.BYTES / 4] === Command.ARGS + 6 * 4) found.push(4 * i);
  }
  expect(found).toHaveLength(3);
  return found;
}

const feed = { x: tensor([ELEMENTS], new Float32Array(ELEMENTS)) };

async function load(backend: WasmBackend, graph: Graph) {
  const store = backend.createStore();
  for (const { spec } of graph.variables.values()) store.add(spec);
  return backend.load(graph, store);
}

const kernelError = (label: string) =>
  expect.objectContaining({
    name: 'LensletError',
    code: 'kernel',
    message: expect.stringContaining(`"${label}"`),
  });

describe('a trapping kernel', () => {
  for (const threads of [1, 2, 3]) {
    it(`is an error that names the operator, ${threads} threads; the next runs are right`, async () => {
      const backend = await backendOf(threads);
      const broken = await load(backend, chain());
      expect((await broken.run(feed)).y.data[0]).toBe(-ELEMENTS);
      const words = wordsOf(backend);
      const records = unaryRecords(backend);
      const [at] = records;
      const opcode = words[at / 4];
      words[at / 4] = 999;
      // Often enough that the thread that traps first is now this one, now another.
      for (let i = 0; i < 50; i++) await expect(broken.run(feed)).rejects.toEqual(kernelError('relu'));
      const healthy = await load(backend, chain());
      expect((await healthy.run(feed)).y.data[0]).toBe(-ELEMENTS);
      words[at / 4] = opcode;
      for (let i = 0; i < 20; i++) expect((await broken.run(feed)).y.data[0]).toBe(-ELEMENTS);
    });
  }

  it('in another thread alone', async () => {
    const backend = await backendOf(2);
    const faults = new Set<string>();
    // A plan may settle on one thread: each new one tries both first.
    for (let plan = 0; plan < 200 && !faults.has('another'); plan++) {
      const broken = await load(backend, chain());
      const [at] = unaryRecords(backend);
      const words = wordsOf(backend);
      const pointer = words[at / 4 + 5];
      // Only the last tile lies outside the memory: the other thread, which begins at the end, meets it if it comes in
      // time, and thread 0 has nothing to trap on then.
      words[at / 4 + 5] = 128 * MiB - 4 * 8192 * 39;
      for (let i = 0; i < 30 && !faults.has('another'); i++) {
        const error = await broken.run(feed).then(
          () => null,
          (e: LensletError) => e,
        );
        expect(error).toEqual(kernelError('relu'));
        // Thread 0 has the trap as the cause; of another thread's only the record is known.
        faults.add(error?.cause ? 'thread 0' : 'another');
      }
      words[at / 4 + 5] = pointer;
      expect((await broken.run(feed)).y.data[0]).toBe(-ELEMENTS);
      broken.dispose();
    }
    expect(faults).toContain('another');
  });
});

describe('memory', () => {
  const holding = (elements: number): Graph => {
    const graph = new Graph();
    const x = graph.input('x', { dtype: 'f32', shape: [elements] });
    graph.output('y', relu(add(x, graph.constant(tensor([1], [1])))));
    return graph;
  };

  it('that does not suffice is an error with advice; nothing leaks', async () => {
    const backend = await backendOf(1);
    const store = backend.createStore();
    const used = backend.usedBytes;
    for (const elements of [1e8, 30e6, 16e6]) {
      await expect(backend.load(holding(elements), store)).rejects.toMatchObject({
        name: 'LensletError',
        code: 'memory',
        message: expect.stringMatching(/MiB more are needed .*128 MiB\. Use a smaller batch/),
      });
      expect(backend.usedBytes).toBe(used);
    }
    const spec = {
      name: 'w',
      shape: [1e9],
      init: () => new Float32Array(0),
      role: 'parameter',
      parameters: 1e9,
    } as const;
    expect(() => store.add(spec)).toThrow(expect.objectContaining({ code: 'memory' }));
    expect(store.specs.size).toBe(0);
    expect(backend.usedBytes).toBe(used);
    const executable = await backend.load(holding(100), store);
    expect((await executable.run({ x: randomTensor('x', [100], 0, 1) })).y.data).toHaveLength(100);
  });

  it('stays flat over 2,000 loads and disposals, and whole', async () => {
    const backend = await backendOf(1);
    const used = backend.usedBytes;
    const kept: { dispose(): void }[] = [];
    for (let i = 0; i < 2000; i++) {
      const store = backend.createStore();
      store.add({
        name: 'w',
        shape: [1 + (i % 50)],
        init: () => new Float32Array(0),
        role: 'buffer',
        parameters: 0,
      });
      const executable = await backend.load(holding(1 + ((i * 37) % 5000)), store);
      kept.push({
        dispose() {
          executable.dispose();
          store.dispose();
        },
      });
      // Freed out of order: the newest, then the oldest.
      if (kept.length > 6) for (const k of [kept.pop(), kept.shift()]) k?.dispose();
    }
    for (const k of kept) k.dispose();
    expect(backend.usedBytes).toBe(used);
    // No fragments: three blocks of almost a third of it fit.
    const all = await backend.load(holding(9e6), backend.createStore());
    all.dispose();
    expect(backend.usedBytes).toBe(used);
  });

  it('blocks never overlap, are zero at first, and join again when freed', () => {
    const memory = new WebAssembly.Memory({ initial: 1024, maximum: 1024 });
    const heap = new Heap(memory);
    const whole = 1024 * 65536 - 17 * MiB;
    const blocks = Array.from({ length: 100 }, (_, i) => ({ at: heap.allocate(i * 100), bytes: i * 100 }));
    for (const { at, bytes } of blocks) {
      expect(at % 64).toBe(0);
      expect(heap.i32(at, bytes / 4).every((w) => w === 0)).toBe(true);
      heap.i32(at, bytes / 4).fill(at);
    }
    for (const { at, bytes } of blocks) expect(heap.i32(at, bytes / 4).every((w) => w === at)).toBe(true);
    for (const i of [3, 1, 2, ...blocks.keys()]) heap.free(blocks[i].at);
    expect(heap.usedBytes).toBe(0);
    heap.free(heap.allocate(whole));
  });
});

describe('many barriers', () => {
  it('1,000 runs on 1, 2 and 3 threads end and agree', async () => {
    const graph = new Graph();
    const v = graph.variable({
      name: 'v',
      shape: [3, 9000],
      init: () => new Float32Array(0),
      role: 'parameter',
      parameters: 0,
    });
    let x: Value = v;
    for (let i = 0; i < 12; i++) {
      x = unary('tanh', add(x, reduceSum(x, [i % 2], true)));
    }
    graph.update(v, x);
    const results: Tensor[] = [];
    for (const threads of [1, 2, 3]) {
      const backend = await backendOf(threads);
      const store = backend.createStore();
      for (const { spec } of graph.variables.values()) store.add(spec);
      await store.write('v', randomTensor('v', [3, 9000]));
      const executable = await backend.load(graph, store);
      for (let i = 0; i < 1000; i++) await executable.run({});
      results.push(await store.read('v'));
    }
    for (const r of results)
      expect(Buffer.from(r.data.buffer).equals(Buffer.from(results[0].data.buffer))).toBe(true);
  }, 300_000);
});

describe('threads that come late', () => {
  it('or not at all: 8 of them, programs in turns, runs one after the other and after pauses', async () => {
    const backend = await backendOf(8);
    const sum = await load(backend, chain());
    const square = new Graph();
    const x = square.input('x', { dtype: 'f32', shape: [3, 20_000] });
    square.output('y', reduceSum(unary('square', x), [1]));
    const squares = await load(backend, square);
    const ones = tensor([3, 20_000], new Float32Array(60_000).fill(1));
    for (let i = 0; i < 600; i++) {
      expect((await sum.run(feed)).y.data[0]).toBe(-ELEMENTS);
      expect([...(await squares.run({ x: ones })).y.data]).toEqual([20_000, 20_000, 20_000]);
      if (i % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
  });
});

describe('threads that are not waited for', () => {
  const create = async (spawn: Spawn) => {
    const module = await WebAssembly.compile(
      await readFile(new URL('../../build/wasm/threads.wasm', import.meta.url)),
    );
    const options = { binary: 'threads', module, memoryBytes: 128 * MiB, lateThreads: true } as const;
    const backend = await WasmBackend.create({ ...options, threads: 2, spawn });
    made.push(backend);
    return backend;
  };

  it('join once they have started', async () => {
    let start: (handle: ThreadHandle) => void = () => {};
    let init: ThreadInit | undefined;
    const backend = await create((i) => {
      init = i;
      return new Promise((resolve) => {
        start = resolve;
      });
    });
    const executable = await load(backend, chain());
    for (let i = 0; i < 20; i++) expect((await executable.run(feed)).y.data[0]).toBe(-ELEMENTS);
    expect(backend.threads).toBe(1);
    const worker = new Worker(new URL('../../dist/workers/thread.node.js', import.meta.url), {
      workerData: init,
    });
    await once(worker, 'message');
    start({ terminate: () => void worker.terminate() });
    await new Promise((resolve) => setTimeout(resolve));
    expect(backend.threads).toBe(2);
    for (let i = 0; i < 100; i++) expect((await executable.run(feed)).y.data[0]).toBe(-ELEMENTS);
  });

  it('are done without when they do not start', async () => {
    const backend = await create(() => Promise.reject(new Error('no more threads')));
    const executable = await load(backend, chain());
    for (let i = 0; i < 20; i++) expect((await executable.run(feed)).y.data[0]).toBe(-ELEMENTS);
    expect(backend.threads).toBe(1);
  });

  it('end at once when the backend has been disposed of meanwhile', async () => {
    let start: (handle: ThreadHandle) => void = () => {};
    const backend = await create(
      () =>
        new Promise((resolve) => {
          start = resolve;
        }),
    );
    backend.dispose();
    const ended = new Promise<void>((terminate) => start({ terminate }));
    await ended;
  });
});

describe('wrong use', () => {
  it('feeds that do not fit are refused, and the executable stays usable', async () => {
    const backend = await backendOf(1);
    const graph = new Graph();
    const [a, b] = ['a', 'b'].map((name) => graph.input(name, { dtype: 'f32', shape: [2, 2] }));
    graph.output('y', add(a, b));
    const executable = await load(backend, graph);
    const ok = tensor([2, 2], [1, 2, 3, 4]);
    const wrong: [Record<string, Tensor>, string, RegExp][] = [
      [{ a: ok }, 'unknown', /Input "b" f32\[2×2\] is missing/],
      [{ a: ok, b: ok, c: ok }, 'unknown', /There is no input "c"; the inputs are a, b/],
      [{ a: ok, b: tensor([4]) }, 'shape', /Input "b" is f32\[2×2\]; f32\[4\] was given/],
      [{ a: ok, b: tensor([2, 2], new Int32Array(4)) }, 'shape', /i32\[2×2\] was given/],
      [
        { a: ok, b: { ...ok, data: new Float32Array(3) } },
        'shape',
        /needs 4 values in a Float32Array, but 3/,
      ],
      [{ a: ok, b: { ...ok, data: new Float32Array(5) } }, 'shape', /but 5/],
      [{ a: ok, b: { ...ok, data: new Int32Array(4) } }, 'shape', /in a Int32Array were given/],
    ];
    for (const [feeds, code, message] of wrong) {
      await expect(executable.run(feeds)).rejects.toMatchObject({
        code,
        message: expect.stringMatching(message),
      });
    }
    expect([...(await executable.run({ a: ok, b: ok })).y.data]).toEqual([2, 4, 6, 8]);
  });

  it('variables that are missing, of another shape, of another backend; what is disposed of', async () => {
    const [backend, other] = [await backendOf(1), await backendOf(1)];
    const spec = (shape: number[]) =>
      ({ name: 'w', shape, init: () => new Float32Array(0), role: 'parameter', parameters: 0 }) as const;
    const graph = new Graph();
    graph.output('y', relu(graph.variable(spec([3]))));
    const store = backend.createStore();
    await expect(backend.load(graph, store)).rejects.toMatchObject({
      code: 'unknown',
      message: /no variable "w"/,
    });
    store.add(spec([4]));
    await expect(backend.load(graph, store)).rejects.toMatchObject({
      code: 'shape',
      message: /\[4\] in the store, but \[3\]/,
    });
    await expect(backend.load(graph, other.createStore())).rejects.toMatchObject({ code: 'value' });
    const good = backend.createStore();
    good.add(spec([3]));
    expect(() => good.add(spec([3]))).toThrow(/already/);
    await expect(good.write('w', tensor([2]))).rejects.toMatchObject({ code: 'shape' });
    await expect(good.write('w', { ...tensor([3]), data: new Float32Array(2) })).rejects.toMatchObject({
      code: 'shape',
    });
    await expect(good.read('x')).rejects.toMatchObject({ code: 'unknown' });
    const [executable, second] = [await backend.load(graph, good), await backend.load(graph, good)];
    executable.dispose();
    executable.dispose();
    await expect(executable.run({})).rejects.toMatchObject({ code: 'value', message: /disposed/ });
    good.dispose();
    await expect(second.run({})).rejects.toMatchObject({ code: 'value', message: /disposed/ });
  });

  it('impossible numbers of threads', async () => {
    for (const threads of [0, -1, 1.5, 17, Number.NaN]) {
      await expect(createBackend({ threads, binary: 'threads' })).rejects.toMatchObject({ code: 'value' });
    }
  });

  it('operands of another graph', () => {
    const [g, h] = [new Graph(), new Graph()];
    const [a, b] = [g, h].map((graph) => graph.input('x', { dtype: 'f32', shape: [1] }));
    expect(() => add(a, b)).toThrow(/another graph/);
    expect(() => g.apply(binaryOps.add, [b, b], null)).toThrow(/another graph/);
  });
});
