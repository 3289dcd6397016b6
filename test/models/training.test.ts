/** What training adds to a network: masks of dropout, auxiliary heads, running statistics. */
import { describe, expect, it } from 'vitest';
import { makeAlexNet } from '../../models/alexnet.ts';
import { makeCifarNet } from '../../models/cifar-resnet.ts';
import { makeGoogLeNet } from '../../models/googlenet.ts';
import { Random } from '../../src/core/random.ts';
import { sizeOf, type Tensor, tensor } from '../../src/core/tensor.ts';
import type { Batch } from '../../src/data/batches.ts';
import { DIGITS } from '../../src/data/dataset.ts';
import type { Model } from '../../src/nn/builder.ts';
import { Session } from '../../src/session.ts';
import { sgd } from '../../src/train/optimizer.ts';
import { Trainer } from '../../src/train/trainer.ts';
import { wasmBackends } from '../op.ts';

const alexnet: Model = { ...makeAlexNet({ classes: DIGITS, width: 1 / 16 }), input: [3, 95, 95] };
const googlenet: Model = { ...makeGoogLeNet({ classes: DIGITS, width: 1 / 8 }), input: [3, 64, 64] };

function batchOf(model: Model, step: number): Batch {
  const random = new Random(step);
  const shape = [4, ...model.input];
  const x = tensor(
    shape,
    Float32Array.from({ length: sizeOf(shape) }, () => random.normal()),
  );
  return {
    x,
    labels: tensor(
      [4],
      Int32Array.from({ length: 4 }, () => random.below(10)),
    ),
  };
}

async function train(session: Session, seed: number, from: number, to: number): Promise<number[]> {
  const trainer = new Trainer(session, sgd({ momentum: 0.9 }), seed);
  const losses: number[] = [];
  for (let step = from; step <= to; step++) {
    losses.push((await trainer.step(batchOf(session.model, step), 0.01, step)).loss);
  }
  return losses;
}

describe('dropout in training', () => {
  it('draws masks from the seed and the step: a run cut in two is the same run', async () => {
    const [backend] = await wasmBackends();
    const [whole, cut] = [await Session.create(alexnet, backend), await Session.create(alexnet, backend)];
    const losses = await train(whole, 7, 1, 4);
    const first = await train(cut, 7, 1, 2);
    await cut.releasePlans();
    expect([...first, ...(await train(cut, 7, 3, 4))]).toEqual(losses);
    const dict = await whole.stateDict();
    for (const [name, value] of await cut.stateDict()) expect(value.data, name).toEqual(dict.get(name)?.data);
    await whole.dispose();
    await cut.dispose();
  });

  it('draws other masks for another seed', async () => {
    const [backend] = await wasmBackends();
    const loss = async (seed: number) => {
      const session = await Session.create(alexnet, backend);
      const [first] = await train(session, seed, 1, 1);
      await session.dispose();
      return first;
    };
    expect(await loss(1)).not.toBe(await loss(2));
  });
});

describe('weights from elsewhere', () => {
  it('may come with auxiliary heads and PyTorch’s counters, or without', async () => {
    const [backend] = await wasmBackends();
    const trained = await Session.create(googlenet, backend);
    await train(trained, 0, 1, 1);
    const dict = new Map<string, Tensor>(await trained.stateDict());
    expect(dict.has('aux1.fc2.weight')).toBe(true);
    dict.set('conv1.bn.num_batches_tracked', tensor([], new Int32Array([1])));
    const fresh = await Session.create(googlenet, backend);
    expect(fresh.variables.has('aux1.fc2.weight')).toBe(false);
    await fresh.loadStateDict(dict);
    const { x } = batchOf(googlenet, 9);
    expect((await fresh.infer(x)).scores.data).toEqual((await trained.infer(x)).scores.data);
    expect(fresh.variables.has('aux1.fc2.weight')).toBe(true);
    const heads = [...dict.keys()].filter((name) => name.startsWith('aux'));
    for (const name of heads) dict.delete(name);
    await fresh.loadStateDict(dict);
    dict.set('aux3.fc2.weight', tensor([1]));
    await expect(fresh.loadStateDict(dict)).rejects.toThrow(/"aux3.fc2.weight" is unknown/);
    await trained.dispose();
    await fresh.dispose();
  });
});

describe('running statistics', () => {
  it('follow training, and inference uses them', async () => {
    const [backend] = await wasmBackends();
    const session = await Session.create(makeCifarNet(20, { width: 4 }), backend);
    const batch = batchOf(session.model, 1);
    const before = (await session.infer(batch.x)).scores.data;
    const trainer = new Trainer(session, sgd());
    // No learning: only the statistics move.
    for (let step = 1; step <= 3; step++) await trainer.step(batch, 1e-30, step);
    const mean = (await session.stateDict()).get('bn1.running_mean') as Tensor;
    expect(mean.data.some((v) => v !== 0)).toBe(true);
    expect((await session.infer(batch.x)).scores.data).not.toEqual(before);
    await session.dispose();
  });
});
