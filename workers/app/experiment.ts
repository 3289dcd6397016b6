/** One operator on small tensors with the real kernels, forward and back. */
import type { Backend } from '../../src/backend.ts';
import { check } from '../../src/core/error.ts';
import { tensor } from '../../src/core/tensor.ts';
import { Graph, type Value } from '../../src/ir/graph.ts';
import { mul } from '../../src/ops/binary.ts';
import { conv2d, convTranspose2d } from '../../src/ops/conv2d.ts';
import { avgPool2d, maxPool2d } from '../../src/ops/pool.ts';
import { reduceSum } from '../../src/ops/reduce.ts';
import { gradients } from '../../src/plan/grad.ts';
import type { Experiment, ExperimentResult } from '../api.ts';

/** Largest side: it is for looking at numbers. */
const MOST = 32;

function build(e: Experiment, x: Value, w: Value): Value {
  const { kernel, stride, padding, dilation, groups } = e;
  switch (e.op) {
    case 'conv':
      return conv2d(x, w, { stride, padding, dilation, groups });
    case 'transposed':
      return convTranspose2d(x, w, { stride, padding, dilation, groups });
    case 'max-pool':
      return maxPool2d(x, kernel, { stride, padding, dilation });
    case 'avg-pool':
      return avgPool2d(x, kernel, { stride, padding, dilation });
  }
}

/** @throws LensletError 'shape' for numbers that do not fit together, saying why */
export async function experiment(backend: Backend, e: Experiment): Promise<ExperimentResult> {
  check(e.size <= MOST && e.kernel <= MOST, 'shape', () => `At most ${MOST} × ${MOST} numbers are shown.`);
  const graph = new Graph();
  const { channels, outChannels, groups, kernel, size } = e;
  const weights = e.op === 'transposed' ? [channels, outChannels / groups] : [outChannels, channels / groups];
  const x = graph.input('x', { dtype: 'f32', shape: [1, channels, size, size] });
  const w = graph.input('w', { dtype: 'f32', shape: [...weights, kernel, kernel] });
  const y = build(e, x, w);
  const delta = graph.input('delta', { dtype: 'f32', shape: y.shape });
  const grads = gradients(reduceSum(mul(y, delta), [0, 1, 2, 3]), [x, w]);
  graph.output('y', y);
  for (const [value, name] of [
    [x, 'dx'],
    [w, 'dw'],
  ] as const) {
    const gradient = grads.get(value);
    if (gradient) graph.output(name, gradient);
  }
  const [, outputs, side] = y.shape;
  const count = outputs * side * side;
  const given = e.delta.length === count ? e.delta : new Float32Array(count).fill(1);
  const store = backend.createStore();
  const executable = await backend.load(graph, store);
  try {
    const feeds = { x: tensor(x.shape, e.x), w: tensor(w.shape, e.w), delta: tensor(y.shape, given) };
    const found = await executable.run(feeds);
    return {
      size: side,
      channels: outputs,
      y: found.y.data as Float32Array,
      delta: given,
      dx: (found.dx?.data ?? new Float32Array(e.x.length)) as Float32Array,
      dw: (found.dw?.data as Float32Array | undefined) ?? null,
    };
  } finally {
    executable.dispose();
    store.dispose();
  }
}
