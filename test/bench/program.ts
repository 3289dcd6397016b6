/** A case of the benchmark as a graph of Lenslet, ready to run. */
import type { Backend, Executable, StepTime } from '../../src/backend.ts';
import { sizeOf, type Tensor } from '../../src/core/tensor.ts';
import { Graph, type Value } from '../../src/ir/graph.ts';
import { zeros } from '../../src/nn/init.ts';
import { add } from '../../src/ops/binary.ts';
import { conv2d } from '../../src/ops/conv2d.ts';
import { relu, tanh } from '../../src/ops/elementwise.ts';
import { linear, matmul } from '../../src/ops/matmul.ts';
import { maxPool2d } from '../../src/ops/pool.ts';
import { reduceMean } from '../../src/ops/reduce.ts';
import { flatten } from '../../src/ops/shape.ts';
import type { Activation, Asset, Case, Operation } from './network.ts';

/** Case and batch, whatever its file says of flops. */
export type Work = Pick<Case, 'kind' | 'batch'>;

export interface Program {
  /** One measured run; logits or the loss where they belong to what is measured, else null. */
  run(): Promise<Tensor | null>;
  /** 64 values of the output; of training the losses of the first steps, before any other run. */
  check(): Promise<number[]>;
  profile(): Promise<readonly StepTime[]>;
  dispose(): void;
}

const activate = (x: Value, act: Activation): Value =>
  act === 'relu' ? relu(x) : act === 'tanh' ? tanh(x) : x;

/** Batch norm of training, given by those who train: inference has none and does without its code. */
export type BatchNorm = (op: Operation & { op: 'bn' }, x: Value, variable: (name: string) => Value) => Value;

/** Appends the network to a graph that has the inputs "x" and, for products, "x2". */
export function forward(graph: Graph, asset: Asset, batchNorm?: BatchNorm): Value {
  const values = new Map(graph.inputs);
  const get = (name: string): Value => values.get(name) as Value;
  const variable = (name: string): Value =>
    graph.variable({
      name,
      shape: asset.t[name].shape,
      init: zeros,
      role: asset.stats.includes(name) ? 'buffer' : 'parameter',
      parameters: sizeOf(asset.t[name].shape),
    });
  const apply = (o: Operation): Value => {
    const x = get(o.x);
    switch (o.op) {
      case 'conv': {
        const bias = o.b ? variable(o.b) : null;
        return activate(conv2d(x, variable(o.w), { bias, stride: o.stride, padding: o.pad }), o.act);
      }
      case 'linear':
        return activate(linear(x, variable(o.w), variable(o.b)), o.act);
      case 'bn':
        if (!batchNorm) throw new Error('Networks for inference have their batch norm folded.');
        return activate(batchNorm(o, x, variable), o.act);
      case 'maxpool':
        return maxPool2d(x, o.k, { stride: o.stride, padding: o.pad });
      case 'gap':
        return reduceMean(x, [2, 3]);
      case 'flatten':
        return flatten(x);
      case 'add':
        return activate(add(x, get(o.x2)), o.act);
      case 'matmul':
        return matmul(x, get(o.x2));
    }
  };
  for (const o of asset.ops) values.set(o.y, apply(o));
  return get(asset.output);
}

export const tensorOf = ({ shape, data }: Asset['t'][string]): Tensor => ({
  dtype: data instanceof Int32Array ? 'i32' : 'f32',
  shape,
  data,
});

/** The first n images of a batch. */
export function headOf({ shape: [all, ...rest], data }: Asset['t'][string], n: number): Tensor {
  return tensorOf({ shape: [n, ...rest], data: data.subarray(0, (data.length / all) * n) });
}

/** The inputs of a case: products take all of "x". */
export function feedsOf(asset: Asset, batch: number): Record<string, Tensor> {
  const { x, x2 } = asset.t;
  return x2 ? { x: tensorOf(x), x2: tensorOf(x2) } : { x: headOf(x, batch) };
}

/** A graph with the inputs of these tensors. */
export function graphFor(feeds: Readonly<Record<string, Tensor>>): Graph {
  const graph = new Graph();
  for (const [name, t] of Object.entries(feeds)) graph.input(name, t);
  return graph;
}

export interface Loaded {
  readonly executable: Executable;
  dispose(): void;
}

/** Loads a graph; its variables take the asset's tensors, those of the optimiser zeros. */
export async function load(backend: Backend, graph: Graph, asset: Asset): Promise<Loaded> {
  const store = backend.createStore();
  try {
    for (const { spec } of graph.variables.values()) {
      store.add(spec);
      if (spec.name in asset.t) await store.write(spec.name, tensorOf(asset.t[spec.name]));
    }
    const executable = await backend.load(graph, store);
    return {
      executable,
      dispose() {
        executable.dispose();
        store.dispose();
      },
    };
  } catch (error) {
    store.dispose();
    throw error;
  }
}

/** n evenly spaced values. */
export const sample = (data: ArrayLike<number>, n = 64): number[] =>
  Array.from({ length: n }, (_, i) => data[Math.floor((i * (data.length - 1)) / (n - 1))]);

/** Runs that leave the inputs where they are: the first one brings them. */
export function runner(executable: Executable, feeds: Readonly<Record<string, Tensor>>): () => Promise<void> {
  let fed = false;
  return async () => {
    if (fed) return executable.replay();
    fed = true;
    await executable.run(feeds);
  };
}

/** An operator or a network for inference: of networks the logits are read, of operators nothing. */
export async function prepareInference(
  backend: Backend,
  { kind, batch }: Work,
  asset: Asset,
): Promise<Program> {
  const feeds = feedsOf(asset, batch);
  const graph = graphFor(feeds);
  graph.output('y', forward(graph, asset));
  const { executable, dispose } = await load(backend, graph, asset);
  const replay = runner(executable, feeds);
  const output = async () => (await executable.results()).y;
  return {
    async run() {
      // A GPU takes inputs, work and read-back at once: one way there and back.
      if (kind === 'infer' && backend.name === 'webgpu') return (await executable.run(feeds)).y;
      await replay();
      return kind === 'infer' ? output() : null;
    },
    async check() {
      await replay();
      return sample((await output()).data);
    },
    profile: () => executable.profile(),
    dispose,
  };
}
