/** What a run leaves behind in the memories of the GPU and of WASM. */
import { expect } from 'vitest';
import type { Backend } from '../../src/backend.ts';
import { tensor } from '../../src/core/tensor.ts';
import { DIGITS } from '../../src/data/dataset.ts';
import type { Model } from '../../src/nn/builder.ts';
import { batchNorm, conv2d, globalAvgPool2d, linear } from '../../src/nn/layers.ts';
import { relu } from '../../src/ops/elementwise.ts';
import { Session } from '../../src/session.ts';
import { sgd } from '../../src/train/optimizer.ts';
import { Trainer } from '../../src/train/trainer.ts';
import { randomTensor } from '../op.ts';

/** A convolution, batch norm, a linear layer. */
export const convNet: Model = {
  ...{ name: 'conv', title: 'Conv', input: [3, 8, 8], classes: DIGITS, normalize: { scale: 1, offset: 0 } },
  build(b, x) {
    const y = relu(batchNorm(b.at('bn'), conv2d(b.at('conv'), x, 4, 3)));
    return linear(b.at('fc'), globalAvgPool2d(y), DIGITS.length);
  },
};

export interface Buffers {
  readonly count: number;
  readonly bytes: number;
}

/** Counts the device's buffers that were made and not destroyed, from now on. */
export function countBuffers(device: GPUDevice): () => Buffers {
  const live = new Set<GPUBuffer>();
  const create = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    const buffer = create(descriptor);
    live.add(buffer);
    const destroy = buffer.destroy.bind(buffer);
    buffer.destroy = () => {
      live.delete(buffer);
      return destroy();
    };
    return buffer;
  };
  return () => ({ count: live.size, bytes: [...live].reduce((sum, b) => sum + b.size, 0) });
}

/** So many runs after the first ones, which settle how work is cut. */
export interface Amount {
  readonly inferences: number;
  readonly steps: number;
}

const SETTLED = 8;
/** Times that memory is looked at on the way. */
const LOOKS = 10;

/**
 * Infers and trains; memory after the first runs, all along and at the end is the same, and nothing is left after.
 * @param memory whatever must not grow, as numbers or objects of numbers
 */
export async function expectFlat(
  backend: Backend,
  memory: () => unknown,
  { inferences, steps }: Amount,
): Promise<void> {
  const before = memory();
  const session = await Session.create(convNet, backend, { seed: 1 });
  const trainer = new Trainer(session, sgd({ momentum: 0.9 }));
  const image = randomTensor('image', [1, ...convNet.input]);
  const x = randomTensor('x', [4, ...convNet.input]);
  const labels = tensor([4], Int32Array.of(1, 2, 3, 4));
  const flat = async (what: string, times: number, once: (i: number) => Promise<unknown>) => {
    for (let i = 1; i <= SETTLED; i++) await once(i);
    const settled = memory();
    const every = Math.ceil(times / LOOKS);
    for (let i = 1; i <= times; i++) {
      await once(SETTLED + i);
      if (i % every === 0 || i === times) expect(memory(), `after ${what} ${i}`).toEqual(settled);
    }
  };
  await flat('inference', inferences, () => session.infer(image));
  await flat('step', steps, (step) => trainer.step({ x, labels }, 1e-4, step));
  await session.dispose();
  expect(memory(), 'in the end').toEqual(before);
}
