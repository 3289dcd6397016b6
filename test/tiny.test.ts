/** The library in two seconds: what it promises, one thing at a time. Needs the build of the kernels, nothing else. */
import { afterAll, expect, test } from 'vitest';
import {
  Graph,
  gradients,
  layers,
  type Model,
  ops,
  parseSafetensors,
  Random,
  Session,
  sgd,
  Trainer,
  tensor,
  writeSafetensors,
} from '../src/index.ts';
import { createBackend } from '../workers/node.ts';

const backend = await createBackend({ threads: 2, memoryBytes: 64 * 1024 * 1024 });
afterAll(() => backend.dispose());

/** Is the left or the right half of a 1×4×4 image brighter? */
const model: Model = {
  name: 'halves',
  title: 'Left or right',
  input: [1, 4, 4],
  classes: ['left', 'right'],
  normalize: { scale: 1 / 255, offset: 0 },
  build(b, x) {
    const maps = ops.relu(layers.conv2d(b.at('conv'), x, 4, 3, { padding: 1 }));
    return layers.linear(b.at('fc'), ops.flatten(ops.maxPool2d(maps, 2)), 2);
  },
};

/** A batch of random images with their answers. */
function batch(n: number) {
  const random = new Random(1);
  const x = tensor(
    [n, 1, 4, 4],
    Float32Array.from({ length: 16 * n }, () => random.uniform()),
  );
  const labels = Int32Array.from({ length: n }, (_, i) => {
    const image = x.data.subarray(16 * i, 16 * i + 16);
    let balance = 0;
    image.forEach((v, at) => {
      balance += at % 4 < 2 ? v : -v;
    });
    return balance > 0 ? 0 : 1;
  });
  return { x, labels: tensor([n], labels) };
}

test('a graph is built, loaded and run', async () => {
  const graph = new Graph();
  const x = graph.input('x', { dtype: 'f32', shape: [2, 2] });
  graph.output('y', ops.relu(ops.matmul(x, x)));
  const executable = await backend.load(graph, backend.createStore());
  const { y } = await executable.run({ x: tensor([2, 2], [1, 2, 0, -1]) });
  expect([...y.data]).toEqual([1, 0, 0, 1]);
  executable.dispose();
});

test('a gradient is more nodes of the same graph', async () => {
  const graph = new Graph();
  const x = graph.input('x', { dtype: 'f32', shape: [3] });
  const loss = ops.reduceSum(ops.mul(x, ops.mul(x, x)), [0]);
  graph.output('dx', gradients(loss, [x]).get(x)!);
  const executable = await backend.load(graph, backend.createStore());
  const { dx } = await executable.run({ x: tensor([3], [1, 2, -3]) });
  expect([...dx.data]).toEqual([3, 12, 27]);
  executable.dispose();
});

test('a network recognises, learns, and keeps what it has learnt in a file', async () => {
  const session = await Session.create(model, backend, { seed: 7 });
  const data = batch(64);
  const trainer = new Trainer(session, sgd({ momentum: 0.9 }));
  const before = await trainer.step(data, 0.05, 1);
  for (let step = 2; step <= 60; step++) await trainer.step(data, 0.05, step);
  const after = await trainer.step(data, 0.05, 61);
  expect(after.loss).toBeLessThan(before.loss / 2);
  expect(after.correct).toBeGreaterThan(56);

  const file = writeSafetensors(await session.stateDict());
  const copy = await Session.create(model, backend);
  await copy.loadStateDict(parseSafetensors(file).tensors);
  const [mine, its] = [await session.infer(data.x), await copy.infer(data.x)];
  expect(its.scores.data).toEqual(mine.scores.data);
});

test('images with values that are not finite are refused', async () => {
  const session = await Session.create(model, backend, { seed: 1 });
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
    const x = tensor([1, 1, 4, 4]);
    x.data[5] = bad;
    await expect(session.infer(x)).rejects.toMatchObject({ code: 'value' });
  }
  expect((await session.infer(tensor([1, 1, 4, 4]))).scores.shape).toEqual([1, 2]);
  await session.dispose();
});
