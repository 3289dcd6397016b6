/**
 * Every network end to end, reduced in width: the gradient of its training loss against finite differences along the
 * gradient itself, parameters taken in groups.
 */
import { describe, expect, it } from 'vitest';
import { makeAlexNet, makeAlexNet2012 } from '../../models/alexnet.ts';
import { makeCifarAlexNet } from '../../models/cifar-alexnet.ts';
import { makeCifarGoogLeNet } from '../../models/cifar-googlenet.ts';
import { makeCifarInception } from '../../models/cifar-inception.ts';
import { makeCifarNet } from '../../models/cifar-resnet.ts';
import { makeGoogLeNet } from '../../models/googlenet.ts';
import { makeInceptionV3 } from '../../models/inception.ts';
import { lenet5, lenet5Modern } from '../../models/index.ts';
import { makeResNet } from '../../models/resnet.ts';
import type { VariableStore } from '../../src/backend.ts';
import { Random } from '../../src/core/random.ts';
import { type Shape, sizeOf, type Tensor, tensor } from '../../src/core/tensor.ts';
import { DIGITS } from '../../src/data/dataset.ts';
import { Graph, type Value } from '../../src/ir/graph.ts';
import { Builder, type Model } from '../../src/nn/builder.ts';
import { heNormal } from '../../src/nn/init.ts';
import { modelLoss } from '../../src/nn/loss.ts';
import { gradients } from '../../src/plan/grad.ts';
import { wasmBackends } from '../op.ts';

/** Relative, of finite differences in f32. */
const TOLERANCE = 0.02;
const classes = DIGITS;

const cases: readonly (readonly [model: Model, size: number, batch?: number])[] = [
  [lenet5Modern, 32],
  [lenet5, 32],
  [makeAlexNet({ classes, width: 1 / 16 }), 127],
  [makeAlexNet2012({ classes, width: 1 / 16 }), 99],
  [makeGoogLeNet({ classes, width: 1 / 8 }), 97],
  // The auxiliary head needs a grid of 17 × 17.
  [makeInceptionV3({ classes, width: 1 / 8 }), 299, 2],
  [makeResNet(18, { classes, width: 4 }), 64],
  [makeResNet(34, { classes, width: 4 }), 64],
  [makeResNet(50, { classes, width: 4 }), 64],
  [makeResNet(101, { classes, width: 2 }), 64],
  [makeResNet(152, { classes, width: 2 }), 64],
  [makeCifarAlexNet({ width: 1 / 8 }), 32],
  [makeCifarGoogLeNet({ width: 1 / 4 }), 32],
  [makeCifarInception({ width: 1 / 2 }), 32],
  [makeCifarNet(20, { width: 4 }), 16],
  [makeCifarNet(20, { width: 4, residual: false }), 16],
  [makeCifarNet(56, { width: 2 }), 16],
];

/** Loss of a batch, and the gradients of all parameters under their names. */
function lossGraph(model: Model, size: number, batch: number, withGradients: boolean): Graph {
  const graph = new Graph();
  const b = new Builder(graph, true);
  const x = graph.input('x', { dtype: 'f32', shape: [batch, model.input[0], size, size] });
  const labels = graph.input('labels', { dtype: 'i32', shape: [batch] });
  const loss = modelLoss(model, b, model.build(b, x), labels);
  graph.output('loss', loss);
  if (!withGradients) return graph;
  const values = parametersOf(graph);
  const grads = gradients(loss, [...values.values()]);
  for (const [name, value] of values) graph.output(name, grads.get(value) as Value);
  return graph;
}

const parametersOf = (graph: Graph): Map<string, Value> =>
  new Map([...graph.variables].filter(([, v]) => v.spec.role === 'parameter').map(([n, v]) => [n, v.value]));

function feedsOf(graph: Graph): Record<string, Tensor> {
  const x = graph.inputs.get('x') as Value;
  const random = new Random(5);
  const batch = x.shape[0];
  const feeds: Record<string, Tensor> = {
    x: tensor(
      x.shape,
      Float32Array.from({ length: sizeOf(x.shape) }, () => random.normal()),
    ),
    labels: tensor(
      [batch],
      Int32Array.from({ length: batch }, (_, i) => (3 * i) % 10),
    ),
  };
  if (graph.inputs.has('seed')) feeds.seed = tensor([1], new Int32Array([99]));
  return feeds;
}

/** Values with which signals neither die nor explode: the papers' own need full width. */
function start(name: string, shape: Shape): Float32Array {
  const random = new Random(3).at(name);
  if (shape.length > 1) return heNormal(shape, random);
  // Deep networks of bottlenecks are chaotic unless their branches start small.
  const scale = /bn3\.weight$/.test(name)
    ? 0.3
    : /(bn\d?|downsample\.1)\.weight$|running_var$/.test(name)
      ? 1
      : 0;
  return Float32Array.from({ length: sizeOf(shape) }, () => scale + random.between(-0.2, 0.2));
}

/** Names dealt out to at most 16 groups. */
function groupsOf(names: readonly string[]): string[][] {
  const groups: string[][] = Array.from({ length: Math.min(16, names.length) }, () => []);
  for (const [i, name] of names.entries()) groups[i % groups.length].push(name);
  return groups;
}

function norm({ data }: Tensor): number {
  let squares = 0;
  for (const v of data) squares += v * v;
  return Math.sqrt(squares);
}

describe('gradients of whole networks', () => {
  it.each(cases.map(([model, size, batch = 4]) => ({ name: model.name, model, size, batch })))(
    '$name',
    async ({ model, size, batch }) => {
      const [backend] = await wasmBackends();
      const plain = lossGraph(model, size, batch, false);
      const store = backend.createStore();
      for (const { spec } of plain.variables.values()) store.add(spec);
      const initial = new Map<string, Tensor>();
      for (const { name, shape } of store.specs.values()) {
        const own = name === 'rbf.codes' ? null : start(name, shape);
        const spec = store.specs.get(name)!;
        initial.set(name, tensor(shape, own ?? spec.init(shape, new Random(0))));
      }
      const feeds = feedsOf(plain);
      const differentiated = await backend.load(lossGraph(model, size, batch, true), store);
      await restore(store, initial);
      const grads = await differentiated.run(feeds);
      differentiated.dispose();
      const executable = await backend.load(plain, store);
      const lossAt = async (names: readonly string[], distance: number): Promise<number> => {
        await restore(store, initial);
        for (const name of names) {
          const { shape, data } = initial.get(name)!;
          const step = distance / norm(grads[name]);
          await store.write(
            name,
            tensor(
              shape,
              data.map((w, i) => w + step * grads[name].data[i]),
            ),
          );
        }
        return (await executable.run(feeds)).loss.data[0];
      };
      const names = [...parametersOf(plain).keys()].filter((name) => norm(grads[name]) > 1e-6);
      expect(names.length).toBeGreaterThan(9);
      for (const group of groupsOf(names)) {
        const slope = group.reduce((sum, name) => sum + norm(grads[name]), 0);
        const errors: number[] = [];
        // Along the gradient the loss rises by `rise` to first order; kinks want it small, rounding large.
        for (const rise of [4e-2, 1e-2, 3e-3, 1e-3, 3e-4]) {
          const distance = rise / slope;
          const numeric =
            ((await lossAt(group, distance)) - (await lossAt(group, -distance))) / (2 * distance);
          errors.push(Math.abs(numeric - slope) / slope);
          if (errors.some((e) => e < TOLERANCE)) break;
        }
        expect(Math.min(...errors), `${group.join(', ')}: ${errors}`).toBeLessThan(TOLERANCE);
      }
      executable.dispose();
      store.dispose();
    },
  );
});

async function restore(store: VariableStore, values: ReadonlyMap<string, Tensor>): Promise<void> {
  for (const [name, value] of values) await store.write(name, value);
}
