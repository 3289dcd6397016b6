/** The run of docs/experiments/degradation in short: ResNet-20, momentum, L2, one cycle, crops and flips. */
import { expect, test } from 'vitest';
import { cifarResNets } from '../../models/index.ts';
import { Random } from '../../src/core/random.ts';
import { photoAugmentation } from '../../src/data/augmentations.ts';
import { CIFAR10_CLASSES } from '../../src/data/cifar10.ts';
import type { ImageSet } from '../../src/data/dataset.ts';
import { Session } from '../../src/session.ts';
import type { Weights } from '../../src/train/checkpoint.ts';
import { fit } from '../../src/train/fit.ts';
import { sgd } from '../../src/train/optimizer.ts';
import { createBackend } from '../../workers/node.ts';

const COUNT = 30;
const random = new Random(4);
const images: ImageSet = {
  ...{ count: COUNT, channels: 3, height: 32, width: 32, classes: CIFAR10_CLASSES },
  pixels: Uint8Array.from({ length: COUNT * 3072 }, () => random.below(256)),
  labels: Uint8Array.from({ length: COUNT }, (_, i) => i % 10),
};

interface Part {
  readonly weights: Weights;
  /** What the run stopped with; null where it came to its end. */
  readonly checkpoint: Uint8Array | null;
  readonly steps: number;
}

/** Goes on from a checkpoint to the end, or until `stopAt` steps are done. */
async function go(threads: number, stopAt = Number.POSITIVE_INFINITY, from?: Uint8Array): Promise<Part> {
  const backend = await createBackend({ threads });
  try {
    const session = await Session.create(cifarResNets[0]!, backend, { seed: 1 });
    let checkpoint: Uint8Array | null = null;
    const { steps } = await fit(session, {
      ...{ train: images, validation: images, epochs: 4, batch: 8, lr: 0.1, schedule: 'one-cycle' },
      ...{ seed: 1, patience: 0, augment: photoAugmentation(), checkpoint: from },
      optimizer: sgd({ momentum: 0.9, weightDecay: 1e-4 }),
      between: async (position) => {
        if (position.progress.step < stopAt) return 'go';
        checkpoint = await position.checkpoint();
        return 'stop';
      },
    });
    return { weights: await session.stateDict({ optimizer: true }), checkpoint, steps };
  } finally {
    backend.dispose();
  }
}

test('ResNet-20, stopped and resumed three times on other numbers of threads, ends with the same bits', async () => {
  const whole = await go(2);
  expect(whole).toMatchObject({ checkpoint: null, steps: 16 });
  let part = await go(1, 3);
  // In the middle of an epoch, at its end, and one step before the last one.
  for (const [threads, stopAt] of [
    [3, 8],
    [2, 15],
    [1, undefined],
  ] as const) {
    part = await go(threads, stopAt, part.checkpoint as Uint8Array);
    if (stopAt) expect(part.steps).toBe(stopAt);
  }
  expect(part).toMatchObject({ checkpoint: null, steps: 16 });
  expect(part.weights).toEqual(whole.weights);
}, 60_000);
