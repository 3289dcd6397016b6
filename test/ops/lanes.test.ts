/** The bits of an element do not depend on where it stands: in vectors, in the rest of a row, in the last tile. */
import { describe, expect, it } from 'vitest';
import { type Tensor, tensor } from '../../src/core/tensor.ts';
import { apply1, Graph, type Value } from '../../src/ir/graph.ts';
import { binaryOps } from '../../src/ops/binary.ts';
import { type UnaryName, unary, unaryOps } from '../../src/ops/elementwise.ts';
import { adamStep, sgdStep } from '../../src/ops/optimizer.ts';
import { reduceSum } from '../../src/ops/reduce.ts';
import { gradients } from '../../src/plan/grad.ts';
import { wasmBackends } from '../op.ts';

/** One full tile, then 16 + 4 + 3 elements. */
const N = 8192 + 23;
const filled = (value: number): Tensor => tensor([N], new Float32Array(N).fill(value));

async function expectUniform(graph: Graph, feeds: Record<string, Tensor>): Promise<void> {
  for (const backend of await wasmBackends()) {
    const store = backend.createStore();
    const executable = await backend.load(graph, store);
    for (const [name, { data }] of Object.entries(await executable.run(feeds))) {
      const bits = new Int32Array(data.buffer, data.byteOffset, data.length);
      const other = bits.findIndex((b) => b !== bits[0]);
      expect(other, `${name}, ${backend.binary}: ${data[0]} at 0, ${data[other]} at ${other}`).toBe(-1);
    }
    executable.dispose();
    store.dispose();
  }
}

describe('unary operators', () => {
  for (const name of Object.keys(unaryOps) as UnaryName[]) {
    it(name, async () => {
      const graph = new Graph();
      const x = graph.input('x', filled(0));
      const y = unary(name, x, { alpha: 0.3, beta: 0.7 });
      graph.output('y', y);
      graph.output('dx', gradients(reduceSum(y, [0]), [x]).get(x) as Value);
      for (const value of [0.6180339, -1.3, 37.7]) await expectUniform(graph, { x: filled(value) });
    });
  }
});

describe('binary operators', () => {
  const one = (value: number) => tensor([1], [value]);
  for (const [name, op] of Object.entries(binaryOps)) {
    for (const [kind, a, b] of [
      ['both long', filled(0.6180339), filled(1.732)],
      ['the second one number', filled(0.6180339), one(1.732)],
      ['the first one number', one(0.6180339), filled(1.732)],
    ] as const) {
      it(`${name}, ${kind}`, async () => {
        const graph = new Graph();
        graph.output('y', apply1(op, [graph.input('a', a), graph.input('b', b)], null));
        await expectUniform(graph, { a, b });
      });
    }
  }
});

describe('optimisers', () => {
  const feeds = {
    w: filled(0.6180339),
    g: filled(-0.1732),
    m: filled(0.0271828),
    v: filled(0.0314159),
    hyper: tensor([2], [0.01, 7]),
  };
  const build = (step: (...values: Value[]) => readonly Value[]) => {
    const graph = new Graph();
    const values = Object.entries(feeds).map(([name, t]) => graph.input(name, t));
    step(...values).forEach((y, i) => {
      graph.output(`y${i}`, y);
    });
    return graph;
  };
  const sgd = { momentum: 0.9, nesterov: true, weightDecay: 1e-3 };
  const adam = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 1e-3 };
  for (const [name, step] of Object.entries({
    'SGD with Nesterov': (w: Value, g: Value, m: Value, _: Value, h: Value) => sgdStep(w, g, m, h, sgd),
    Adam: (w: Value, g: Value, m: Value, v: Value, h: Value) =>
      adamStep(w, g, m, v, h, { ...adam, decoupled: false }),
    AdamW: (w: Value, g: Value, m: Value, v: Value, h: Value) =>
      adamStep(w, g, m, v, h, { ...adam, decoupled: true }),
  })) {
    it(name, () => expectUniform(build(step as (...values: Value[]) => readonly Value[]), feeds));
  }
});
