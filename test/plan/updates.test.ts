/** Large gradients do not wait for the end of the step. */
import { expect, it } from 'vitest';
import { tensor } from '../../src/core/tensor.ts';
import { Graph } from '../../src/ir/graph.ts';
import { Builder, type Model } from '../../src/nn/builder.ts';
import { linear } from '../../src/nn/layers.ts';
import { tanh } from '../../src/ops/elementwise.ts';
import { flatten } from '../../src/ops/shape.ts';
import { compile } from '../../src/plan/compile.ts';
import { ReferenceBackend } from '../../src/reference/index.ts';
import { Session } from '../../src/session.ts';
import { adam } from '../../src/train/optimizer.ts';
import { buildStep, Trainer } from '../../src/train/trainer.ts';
import { wasmTarget } from '../../src/wasm/index.ts';
import { randomTensor, relativeError, wasmBackends } from '../op.ts';

const LAYERS = 5;

const model = (width: number): Model => ({
  name: 'layers',
  title: 'layers',
  input: [width, 1, 1],
  classes: Array.from({ length: width }, (_, i) => String(i)),
  normalize: { scale: 1, offset: 0 },
  build(b, x) {
    let y = tanh(linear(b.at('first'), flatten(x), width));
    for (let i = 0; i < LAYERS - 1; i++) y = tanh(linear(b.at(i), y, width));
    return y;
  },
});

function steps(width: number): { labels: string[]; gradients: number; arena: number } {
  const graph = new Graph();
  buildStep(new Builder(graph, true), model(width), adam(), [2, width, 1, 1]);
  const plan = compile(graph, wasmTarget);
  const labels = plan.steps.map((s) => s.label);
  return { labels, gradients: 4 * LAYERS * width * width, arena: plan.memory.arena };
}

it('updates large weights as soon as their gradients are known', () => {
  const { labels, gradients, arena } = steps(256);
  expect(labels.indexOf('adam')).toBeLessThan(labels.lastIndexOf('matmul'));
  expect(arena).toBeLessThan(gradients / 2);
});

it('keeps small updates together, for one barrier', () => {
  const { labels } = steps(32);
  expect(labels.indexOf('adam')).toBeGreaterThan(labels.lastIndexOf('matmul'));
});

it('computes the same as node after node', async () => {
  const [wasm] = await wasmBackends();
  const batch = {
    x: randomTensor('x', [2, 256, 1, 1]),
    labels: tensor([2], new Int32Array([3, 200])),
  };
  const dicts = [];
  for (const backend of [wasm, new ReferenceBackend()]) {
    const session = await Session.create(model(256), backend, { seed: 1 });
    const trainer = new Trainer(session, adam());
    for (let step = 1; step <= 3; step++) await trainer.step(batch, 0.01, step);
    dicts.push(await session.stateDict({ optimizer: true }));
    await session.dispose();
  }
  for (const [name, wanted] of dicts[1]) {
    expect(relativeError(dicts[0].get(name)?.data ?? [], wanted.data), name).toBeLessThan(1e-4);
  }
});
