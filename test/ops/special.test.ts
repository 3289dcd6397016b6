/** NaN, infinities, zeros and extreme numbers through every elementwise operator, value by value. */
import { describe, expect, it } from 'vitest';
import { type Tensor, tensor } from '../../src/core/tensor.ts';
import { apply1, Graph, type Value } from '../../src/ir/graph.ts';
import { binaryOps } from '../../src/ops/binary.ts';
import { type UnaryName, unary, unaryOps } from '../../src/ops/elementwise.ts';
import { reduceSum } from '../../src/ops/reduce.ts';
import { gradients } from '../../src/plan/grad.ts';
import { ReferenceBackend } from '../../src/reference/index.ts';
import { wasmBackends } from '../op.ts';

const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
const values = [
  nan,
  inf,
  -inf,
  0,
  -0,
  1,
  -1,
  2,
  -2,
  0.5,
  -0.5,
  3,
  -3,
  20,
  -20,
  100,
  -100,
  1e30,
  -1e30,
  1e-30,
  -1e-30,
];

/** A value must be NaN where the reference's is, the same infinity, or close beside its size (or beside one). */
function expectSame(actual: Tensor, wanted: Tensor, describeAt: (i: number) => string): void {
  wanted.data.forEach((w: number, i: number) => {
    const a = actual.data[i];
    const same = Object.is(a, w) || a === w || Math.abs(a - w) <= 2e-6 * Math.max(1, Math.abs(w));
    if (!same) expect.soft(a, describeAt(i)).toBe(w);
  });
}

async function onAll(
  graph: Graph,
  feeds: Record<string, Tensor>,
  describeAt: (i: number) => string,
): Promise<void> {
  const reference = new ReferenceBackend();
  const wanted = await (await reference.load(graph, reference.createStore())).run(feeds);
  for (const backend of await wasmBackends()) {
    const store = backend.createStore();
    const executable = await backend.load(graph, store);
    const actual = await executable.run(feeds);
    for (const name of Object.keys(wanted)) {
      expectSame(actual[name], wanted[name], (i) => `${name} of ${describeAt(i)}, ${backend.binary}`);
    }
    executable.dispose();
    store.dispose();
  }
}

const sumAll = (y: Value) => reduceSum(y, [0]);

describe('unary', () => {
  for (const name of Object.keys(unaryOps) as UnaryName[]) {
    it(name, async () => {
      const x = tensor([values.length], values);
      const graph = new Graph();
      const input = graph.input('x', x);
      const y = unary(name, input, { alpha: 0.25, beta: 0.5 });
      graph.output('y', y);
      graph.output('dx', gradients(sumAll(y), [input]).get(input) as Value);
      await onAll(graph, { x }, (i) => `${values[i]}`);
    });
  }

  it('NaN stays NaN everywhere, and the gradient of ReLU goes on at NaN', async () => {
    for (const name of Object.keys(unaryOps) as UnaryName[]) {
      const graph = new Graph();
      const x = tensor([5], [1, nan, 1, 1, nan]);
      const input = graph.input('x', x);
      const y = unary(name, input, { alpha: 0.25, beta: 0.5 });
      graph.output('y', y);
      graph.output('dx', gradients(sumAll(y), [input]).get(input) as Value);
      for (const backend of await wasmBackends()) {
        const store = backend.createStore();
        const executable = await backend.load(graph, store);
        const r = await executable.run({ x });
        executable.dispose();
        store.dispose();
        expect([...r.y.data].map(Number.isNaN), name).toEqual([false, true, false, false, true]);
        if (name === 'relu') expect([...r.dx.data]).toEqual([1, 1, 1, 1, 1]);
      }
    }
  });
});

describe('binary', () => {
  const pairs = values.flatMap((a) => values.map((b) => [a, b]));
  const exponents = [...values, 0.25, -0.75, 5, -5, 65, -65, 16777217, 2.5].flatMap((b) =>
    values.map((a) => [a, b]),
  );
  for (const [name, op] of Object.entries(binaryOps)) {
    it(name, async () => {
      // Powers of ±1 to what is no number: JavaScript says NaN, IEEE 754's pow and PyTorch 1.
      const used = (name === 'pow' ? exponents : pairs).filter(
        ([a, b]) => name !== 'pow' || Math.abs(a) !== 1 || Number.isFinite(b),
      );
      const [a, b] = [0, 1].map((k) =>
        tensor(
          [used.length],
          used.map((p) => p[k]),
        ),
      );
      const graph = new Graph();
      graph.output('y', apply1(op, [graph.input('a', a), graph.input('b', b)], null));
      await onAll(graph, { a, b }, (i) => `${used[i]}`);
    });
  }
});
