/** Networks in int8: what they consist of, that they compute the same everywhere and nearly the same as in f32. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { lenet5, lenet5Modern, makeCifarNet, makeResNet } from '../../models/index.ts';
import { weightsUrls } from '../../models/weights.ts';
import { type Tensor, tensor } from '../../src/core/tensor.ts';
import { batches } from '../../src/data/batches.ts';
import { fitCanvas, type ImageSet } from '../../src/data/dataset.ts';
import { syntheticDigits } from '../../src/data/digits.ts';
import { parseSafetensors, writeSafetensors } from '../../src/io/safetensors.ts';
import { Graph } from '../../src/ir/graph.ts';
import { Builder, type Model } from '../../src/nn/builder.ts';
import { conv2d } from '../../src/nn/layers.ts';
import { quantize, quantizedModel } from '../../src/quantize/index.ts';
import { ReferenceBackend } from '../../src/reference/index.ts';
import { Session } from '../../src/session.ts';
import { evaluate } from '../../src/train/evaluate.ts';
import { sgd } from '../../src/train/optimizer.ts';
import { Trainer } from '../../src/train/trainer.ts';
import { createBackend } from '../../workers/node.ts';
import { realDigits } from '../data/real.ts';
import { randomTensor, relativeError } from '../op.ts';

const MEMORY = 512 * 1024 * 1024;
const backends = await Promise.all([
  createBackend({ binary: 'relaxed', threads: 2, memoryBytes: MEMORY }),
  createBackend({ binary: 'threads', threads: 1, memoryBytes: MEMORY }),
  createBackend({ binary: 'simd', threads: 1, memoryBytes: MEMORY }),
]);
const [backend] = backends;
afterAll(() => {
  for (const b of backends) b.dispose();
});

/** Images as a network takes them, each batch in memory of its own. */
const inputsOf = (model: Model, set: ImageSet): Tensor[] =>
  [...batches(fitCanvas(set, 32, 32), { batch: 32, normalize: model.normalize })].map(({ x }) => ({
    ...x,
    data: x.data.slice(),
  }));

/** Names of the operators on what depends on the image. */
function operatorsOf(model: Model, shape: readonly number[]): string[] {
  const graph = new Graph();
  model.build(new Builder(graph, false), graph.input('x', { dtype: 'f32', shape }));
  return graph.nodes.map((n) => n.op.name).filter((name) => name !== 'reshape');
}

async function shipped(model: Model): Promise<Session> {
  const session = await Session.create(model, backend);
  const bytes = readFileSync(fileURLToPath(weightsUrls[model.name]));
  await session.loadStateDict(parseSafetensors(bytes).tensors);
  return session;
}

const inInt8 = async (model: Model, tensors: ReadonlyMap<string, Tensor>, on = backend) =>
  Session.create(quantizedModel(model, tensors), on);

describe('LeNet-5', () => {
  test.each([lenet5Modern, lenet5])('$name loses next to nothing, also on other images', async (model) => {
    const session = await shipped(model);
    const tensors = await quantize(session, inputsOf(model, syntheticDigits({ count: 128, seed: 5 })));
    const int8 = await inInt8(model, tensors);
    const real = await realDigits?.();
    for (const set of [syntheticDigits({ count: 2000, seed: 6 }), ...(real ? [real] : [])]) {
      const [wanted, actual] = [await evaluate(session, set), await evaluate(int8, set)];
      expect(actual.accuracy).toBeGreaterThan(wanted.accuracy - 0.003);
      expect(actual.loss).toBeLessThan(wanted.loss * 1.1 + 0.01);
    }
  });

  test('stays in bytes from the image to the scores', async () => {
    const tensors = await quantize(await shipped(lenet5Modern), [randomTensor('x', [2, 1, 32, 32])]);
    const { build } = quantizedModel(lenet5Modern, tensors);
    const [conv, pool] = ['qlinear_conv', 'qlinear_average_pool'];
    expect(operatorsOf({ ...lenet5Modern, build }, [2, 1, 32, 32])).toEqual([
      ...['quantize_linear', conv, pool, conv, pool, conv, conv, conv],
    ]);
  });

  test('larger images have scores for every position', async () => {
    const session = await shipped(lenet5Modern);
    const [set] = inputsOf(lenet5Modern, syntheticDigits({ count: 32, seed: 7 }));
    const int8 = await inInt8(lenet5Modern, await quantize(session, [set]));
    const x = randomTensor('large', [2, 1, 40, 44], 0, 1);
    const { scores } = await int8.infer(x);
    expect(scores.shape).toEqual([2, 10, 3, 4]);
    expect(relativeError(scores.data, (await session.infer(x)).scores.data)).toBeLessThan(0.1);
  });
});

/** Initial values with running statistics that are not those of the identity. */
async function resnet(model: Model): Promise<Session> {
  const session = await Session.create(model, backend);
  const dict = await session.stateDict();
  for (const [name, value] of dict) {
    if (/running_mean|bn\d\.bias/.test(name)) value.data.set(randomTensor(name, value.shape, -0.2, 0.2).data);
    if (/running_var|bn\d\.weight/.test(name)) value.data.set(randomTensor(name, value.shape, 0.5, 1).data);
  }
  await session.loadStateDict(dict);
  return session;
}

const classes = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'];
const nets = [
  makeCifarNet(20),
  makeCifarNet(8, { residual: false }),
  makeResNet(18, { width: 8, classes }),
  makeResNet(50, { width: 8, classes }),
];

describe('ResNets', () => {
  test.each(nets)('$name stays in bytes and near f32, with the same bits in every binary', async (model) => {
    const session = await resnet(model);
    const x = randomTensor('images', [2, ...model.input], -2, 2);
    const tensors = await quantize(session, [x]);
    const kinds = new Set(operatorsOf(quantizedModel(model, tensors), x.shape));
    expect([...kinds].sort()).toEqual([
      'qlinear_average_pool',
      'qlinear_conv',
      ...(model.input[1] > 32 ? ['qlinear_max_pool'] : []),
      'quantize_linear',
    ]);
    const wanted = (await session.infer(x)).scores;
    const all = [];
    for (const b of backends) all.push((await (await inInt8(model, tensors, b)).infer(x)).scores.data);
    expect(all[1]).toEqual(all[0]);
    expect(all[2]).toEqual(all[0]);
    expect(relativeError(all[0], wanted.data)).toBeLessThan(0.1);
  });
});

test('a file has the same network, on the reference too', async () => {
  const model = makeCifarNet(8);
  const x = randomTensor('images', [2, 3, 32, 32], -2, 2);
  const tensors = await quantize(await resnet(model), [x], { method: 'percentile' });
  const file = writeSafetensors(tensors);
  const read = parseSafetensors(file).tensors;
  expect(read.get('layer1.0.conv1.weight')?.dtype).toBe('i8');
  const scores = [tensors, read].map(async (t) => (await (await inInt8(model, t)).infer(x)).scores.data);
  const [before, after] = await Promise.all(scores);
  expect(after).toEqual(before);
  const reference = await Session.create(quantizedModel(model, read), new ReferenceBackend());
  expect((await reference.infer(x)).scores.data).toEqual(before);
});

test('grouped convolutions and other activations stay in f32', async () => {
  const model: Model = {
    ...lenet5Modern,
    input: [4, 16, 16],
    build(b, x) {
      const grouped = conv2d(b.at('a'), x, 8, 3, { groups: 2, padding: 1 });
      return conv2d(b.at('b'), grouped, 10, 16);
    },
  };
  const session = await Session.create(model, backend);
  const x = randomTensor('x', [2, 4, 16, 16]);
  const int8 = await inInt8(model, await quantize(session, [x]));
  expect(operatorsOf(int8.model, x.shape)).toContain('conv2d');
  const [wanted, actual] = [await session.infer(x), await int8.infer(x)];
  expect(relativeError(actual.scores.data, wanted.scores.data)).toBeLessThan(0.05);
});

describe('what cannot be is told', () => {
  test('no images, NaN, missing or broken tensors, training', async () => {
    const session = await shipped(lenet5Modern);
    await expect(quantize(session, [])).rejects.toThrow('needs images');
    const bad = tensor([1, 1, 32, 32]);
    bad.data[5] = Number.NaN;
    await expect(quantize(session, [bad])).rejects.toThrow('NaN or infinity');
    const tensors = await quantize(session, [randomTensor('x', [2, 1, 32, 32])]);
    const changed = (change: (t: Map<string, Tensor>) => void) => {
      const copy = new Map(tensors);
      change(copy);
      return inInt8(lenet5Modern, copy);
    };
    await expect(changed((t) => t.delete('c3.weight_scale'))).rejects.toThrow('"c3.weight_scale" is missing');
    await expect(changed((t) => t.set('c1.range', tensor([2], [2, 1])))).rejects.toThrow('no range');
    await expect(changed((t) => t.set('c1.range', tensor([2], [0, Number.NaN])))).rejects.toThrow('NaN');
    await expect(changed((t) => t.set('c1.weight', tensor([6, 5, 5, 1])))).rejects.toThrow('must be i8');
    await expect(changed((t) => t.set('c1.weight', tensor([6, 5, 5, 2], undefined, 'i8')))).rejects.toThrow(
      'channels',
    );
    const int8 = await inInt8(lenet5Modern, tensors);
    const labels = tensor([2], Int32Array.of(1, 2));
    const step = new Trainer(int8, sgd()).step({ x: randomTensor('x', [2, 1, 32, 32]), labels }, 0.1, 1);
    await expect(step).rejects.toThrow('does not train');
  });
});
