/** A short training run of a small residual net with batch norm and momentum: 3 epochs of 5 steps. */
import { makeCifarNet } from '../../models/index.ts';
import type { Backend } from '../../src/backend.ts';
import { fitCanvas, type ImageSet } from '../../src/data/dataset.ts';
import { syntheticDigits } from '../../src/data/digits.ts';
import { Session } from '../../src/session.ts';
import { fit } from '../../src/train/fit.ts';
import { sgd } from '../../src/train/optimizer.ts';

export const STEPS = 15;
const COUNT = 40;
const SIDE = 16;

const net = {
  ...makeCifarNet(8, { width: 4, classes: '0123456789'.split('') }),
  input: [3, SIDE, SIDE] as const,
};

/** Noise with digits' labels: something to learn by heart. */
function noise(): ImageSet {
  const digits = fitCanvas(syntheticDigits({ count: COUNT, seed: 2 }), 32, 32);
  const pixels = Uint8Array.from({ length: COUNT * 3 * SIDE * SIDE }, (_, i) => {
    return digits.pixels[(i * 13) % digits.pixels.length] as number;
  });
  return { ...digits, channels: 3, height: SIDE, width: SIDE, pixels };
}

/** @param onStep called after each step, with its number */
export async function trainResidual(backend: Backend, onStep: (step: number) => void = () => {}) {
  const train = noise();
  const rewinds: number[] = [];
  const losses = new Map<number, number>();
  const session = await Session.create(net, backend, { seed: 9 });
  const report = await fit(session, {
    ...{ train, validation: train, epochs: 3, batch: 8, lr: 0.05, schedule: 'cosine', seed: 3, patience: 0 },
    optimizer: sgd({ momentum: 0.9, weightDecay: 1e-4 }),
    onRewind: (step) => rewinds.push(step),
    onStep: ({ step, loss }) => {
      losses.set(step, loss);
      onStep(step);
    },
  });
  const weights = await session.stateDict({ optimizer: true });
  await session.dispose();
  return { report, weights, losses, rewinds };
}
