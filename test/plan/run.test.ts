/** Plans as they run: every result and every variable on WASM as on the reference. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Backend, VariableStore } from '../../src/backend.ts';
import { type Shape, sizeOf, type Tensor, tensor } from '../../src/core/tensor.ts';
import { Graph, type Value } from '../../src/ir/graph.ts';
import { add, mul, sub } from '../../src/ops/binary.ts';
import { relu, unary } from '../../src/ops/elementwise.ts';
import { reduceSum } from '../../src/ops/reduce.ts';
import { reshape, transpose } from '../../src/ops/shape.ts';
import { concat, pad, slice } from '../../src/ops/slice.ts';
import { ReferenceBackend } from '../../src/reference/index.ts';
import { wasmBackends } from '../op.ts';
import { buildGraph, recipes } from './graphs.ts';

function variable(graph: Graph, name: string, shape: Shape): Value {
  const init = () => new Float32Array(sizeOf(shape));
  return graph.variable({ name, shape, init, role: 'parameter', parameters: sizeOf(shape) });
}

/** A store with the variables of the graphs, holding 1, 2, 3, …, another hundred for each variable. */
async function storeOf(backend: Backend, ...graphs: Graph[]): Promise<VariableStore> {
  const store = backend.createStore();
  for (const graph of graphs) {
    for (const { spec } of graph.variables.values()) {
      if (store.specs.has(spec.name)) continue;
      const base = 100 * store.specs.size;
      store.add(spec);
      const size = sizeOf(spec.shape);
      await store.write(
        spec.name,
        tensor(
          spec.shape,
          Float32Array.from({ length: size }, (_, i) => base + i + 1),
        ),
      );
    }
  }
  return store;
}

type Results = Record<string, number[]>;

/** What comes out of each run, and the variables after it. */
async function trace(
  backend: Backend,
  graph: Graph,
  feeds: Record<string, Tensor>,
  times: number,
): Promise<Results[]> {
  const store = await storeOf(backend, graph);
  const executable = await backend.load(graph, store);
  const results: Results[] = [];
  for (let i = 0; i < times; i++) {
    const r: Results = {};
    for (const [name, t] of Object.entries(await executable.run(feeds))) r[name] = [...t.data];
    for (const name of store.specs.keys()) r[`after ${name}`] = [...(await store.read(name)).data];
    results.push(r);
  }
  executable.dispose();
  store.dispose();
  return results;
}

function expectClose(actual: Results, wanted: Results, where: string): void {
  for (const [name, w] of Object.entries(wanted)) {
    const scale = w.reduce((m, v) => Math.max(m, Math.abs(v)), 1);
    const worst = w.reduce((m, v, i) => Math.max(m, Math.abs(v - actual[name][i])), 0);
    expect(worst / scale, `${name}, ${where}`).toBeLessThan(1e-4);
  }
}

describe('random graphs', () => {
  for (const size of [3, 4100]) {
    it(`of about ${2 * size} elements give what the reference gives, three times over`, async () => {
      const backends = await wasmBackends();
      await fc.assert(
        fc.asyncProperty(recipes(size), fc.nat(backends.length - 1), async (recipe, pick) => {
          const { graph, feeds } = buildGraph(recipe);
          const wanted = await trace(new ReferenceBackend(), graph, feeds, 3);
          const backend = backends[pick];
          const actual = await trace(backend, graph, feeds, 3);
          actual.forEach((a, i) => {
            expectClose(a, wanted[i], `run ${i}, ${backend.binary}, ${backend.threads} threads`);
          });
          expect(backend.guardsIntact()).toBe(true);
        }),
        { numRuns: size > 100 ? 20 : 150, seed: 1 },
      );
    });
  }
});

/** Every backend must give exactly `wanted`, run after run. */
async function expectRuns(build: (graph: Graph) => void, feeds: Record<string, Tensor>, wanted: Results[]) {
  const graph = new Graph();
  build(graph);
  for (const backend of [new ReferenceBackend(), ...(await wasmBackends())]) {
    const actual = await trace(backend, graph, feeds, wanted.length);
    actual.forEach((a, i) => {
      expect(a, `run ${i} on ${backend.name}`).toMatchObject(wanted[i]);
    });
  }
}

const x = tensor([2], [10, 20]);
const input = (graph: Graph): Value => graph.input('x', x);
const double = (v: Value): Value => unary('affine', v, { alpha: 2, beta: 0 });

describe('updates of variables', () => {
  it('the old value read before, in and after the node that makes the next', () =>
    expectRuns(
      (g) => {
        const [a, v] = [variable(g, 'a', [2]), input(g)];
        const before = add(a, v);
        const next = mul(a, v);
        g.update(a, next);
        g.output('before', before);
        g.output('after', sub(a, next));
      },
      { x },
      [
        { before: [11, 22], after: [1 - 10, 2 - 40], 'after a': [10, 40] },
        { before: [20, 60], after: [10 - 100, 40 - 800], 'after a': [100, 800] },
      ],
    ));

  it('swap', () =>
    expectRuns(
      (g) => {
        const [a, b] = [variable(g, 'a', [2]), variable(g, 'b', [2])];
        g.update(a, b);
        g.update(b, a);
        g.output('sum', add(a, input(g)));
      },
      { x },
      [
        { sum: [11, 22], 'after a': [101, 102], 'after b': [1, 2] },
        { sum: [111, 122], 'after a': [1, 2], 'after b': [101, 102] },
      ],
    ));

  it('a chain in either order: a takes the old b, b a new value', async () => {
    for (const aFirst of [true, false]) {
      await expectRuns(
        (g) => {
          const [a, b] = [variable(g, 'a', [2]), variable(g, 'b', [2])];
          const updates: [Value, Value][] = [
            [a, b],
            [b, add(b, input(g))],
          ];
          for (const [v, next] of aFirst ? updates : updates.reverse()) g.update(v, next);
        },
        { x },
        [
          { 'after a': [101, 102], 'after b': [111, 122] },
          { 'after a': [111, 122], 'after b': [121, 142] },
        ],
      );
    }
  });

  it('a cycle of three through views', () =>
    expectRuns(
      (g) => {
        const [a, b, c] = [variable(g, 'a', [2]), variable(g, 'b', [2, 1]), variable(g, 'c', [1, 2])];
        g.update(a, reshape(b, [2]));
        g.update(b, reshape(c, [2, 1]));
        g.update(c, reshape(a, [1, 2]));
      },
      {},
      [
        { 'after a': [101, 102], 'after b': [201, 202], 'after c': [1, 2] },
        { 'after a': [201, 202], 'after b': [1, 2], 'after c': [101, 102] },
      ],
    ));

  it('the next value is a result as well, and so is the old one', () =>
    expectRuns(
      (g) => {
        const a = variable(g, 'a', [2]);
        const next = add(a, input(g));
        g.update(a, next);
        g.output('new', next);
        g.output('old', a);
        g.output('old view', reshape(a, [1, 2]));
        g.output('double', double(next));
      },
      { x },
      [
        { new: [11, 22], old: [1, 2], 'old view': [1, 2], double: [22, 44], 'after a': [11, 22] },
        { new: [21, 42], old: [11, 22], 'old view': [11, 22], double: [42, 84], 'after a': [21, 42] },
      ],
    ));

  it('one next value for two variables', () =>
    expectRuns(
      (g) => {
        const [a, b] = [variable(g, 'a', [2]), variable(g, 'b', [2, 1])];
        const next = add(a, input(g));
        g.update(a, next);
        g.update(b, reshape(next, [2, 1]));
        g.output('b', relu(b));
      },
      { x },
      [
        { b: [101, 102], 'after a': [11, 22], 'after b': [11, 22] },
        { b: [11, 22], 'after a': [21, 42], 'after b': [21, 42] },
      ],
    ));

  it('through a view of the variable', () =>
    expectRuns(
      (g) => {
        const a = variable(g, 'a', [2]);
        const flipped = transpose(add(reshape(a, [1, 2]), input(g)), [1, 0]);
        g.update(a, reshape(flipped, [2]));
        g.output('seen', reduceSum(a, [0]));
      },
      { x },
      [
        { seen: [3], 'after a': [11, 22] },
        { seen: [33], 'after a': [21, 42] },
      ],
    ));

  it('to an input, to a constant, to what other variables alone decide, and to itself', () =>
    expectRuns(
      (g) => {
        const names = ['a', 'b', 'c', 'd', 'fixed'] as const;
        const [a, b, c, d, fixed] = names.map((name) => variable(g, name, [2]));
        g.output('old', add(add(a, b), add(c, d)));
        g.update(a, input(g));
        g.update(b, g.constant(tensor([2], [7, 8])));
        g.update(c, double(fixed));
        g.update(d, d);
      },
      { x },
      [
        {
          old: [604, 608],
          'after a': [10, 20],
          'after b': [7, 8],
          'after c': [802, 804],
          'after d': [301, 302],
        },
        {
          old: [1120, 1134],
          'after a': [10, 20],
          'after b': [7, 8],
          'after c': [802, 804],
          'after d': [301, 302],
        },
      ],
    ));
});

describe('what changes from run to run is computed in every run', () => {
  it('padding around an input, and what follows', async () => {
    const graph = new Graph();
    const padded = pad(input(graph), [1], [1], 0);
    graph.output('y', relu(padded));
    graph.output('z', concat([double(padded), graph.constant(tensor([1], [5]))], 0));
    for (const backend of [new ReferenceBackend(), ...(await wasmBackends())]) {
      const executable = await backend.load(graph, backend.createStore());
      for (const [p, q] of [
        [1, 2],
        [3, 4],
      ]) {
        const r = await executable.run({ x: tensor([2], [p, q]) });
        expect([...r.y.data]).toEqual([0, p, q, 0]);
        expect([...r.z.data]).toEqual([0, 2 * p, 2 * q, 0, 5]);
      }
      executable.dispose();
    }
  });
});

describe('executables that share a store', () => {
  it('see new weights after a write, after training and after a profile, in what they compute once, too', async () => {
    const inference = new Graph();
    // Of the variable alone: computed once, until the variable changes.
    const folded = double(transpose(variable(inference, 'w', [2, 3]), [1, 0]));
    inference.output(
      'y',
      add(slice(folded, { starts: [0, 0], steps: [1, 1], sizes: [1, 2] }), input(inference)),
    );
    const training = new Graph();
    const w = variable(training, 'w', [2, 3]);
    training.update(w, add(w, training.input('step', { dtype: 'f32', shape: [] })));
    for (const backend of [new ReferenceBackend(), ...(await wasmBackends())]) {
      const store = await storeOf(backend, inference);
      const run = await backend.load(inference, store);
      const train = await backend.load(training, store);
      const y = async () => [...(await run.run({ x })).y.data];
      expect(await y()).toEqual([12, 28]);
      expect(await y()).toEqual([12, 28]);
      await train.run({ step: tensor([], [1]) });
      expect(await y()).toEqual([14, 30]);
      await store.write('w', tensor([2, 3], [5, 0, 0, 6, 0, 0]));
      expect(await y()).toEqual([20, 32]);
      const before = (await store.read('w')).data[0];
      await train.profile();
      const after = (await store.read('w')).data[0];
      expect(await y()).toEqual([20 + 2 * (after - before), 32 + 2 * (after - before)]);
      run.dispose();
      train.dispose();
      store.dispose();
    }
  });
});
