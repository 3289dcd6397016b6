/** The same training steps wherever this runs: ResNet-20 on the first images of a batch file of CIFAR-10. */
import { cifarResNets } from '../../models/index.ts';
import type { Backend } from '../../src/backend.ts';
import { photoAugmentation } from '../../src/data/augmentations.ts';
import { parseCifar10 } from '../../src/data/cifar10.ts';
import { slice } from '../../src/data/dataset.ts';
import { Session } from '../../src/session.ts';
import { fit } from '../../src/train/fit.ts';
import { sgd } from '../../src/train/optimizer.ts';

const BATCH = 8;

export interface Curve {
  readonly losses: readonly number[];
  readonly seconds: number;
}

/** One epoch with crops and flips, momentum, L2 and a one-cycle rate; the losses of all its steps. */
export async function trainSteps(
  backend: Backend,
  file: Uint8Array,
  steps: number,
  lr: number,
): Promise<Curve> {
  const losses: number[] = [];
  const start = performance.now();
  const session = await Session.create(cifarResNets[0]!, backend, { seed: 1 });
  await fit(session, {
    train: slice(parseCifar10(file), 0, steps * BATCH),
    ...({ epochs: 1, batch: BATCH, lr, schedule: 'one-cycle', seed: 1, patience: 0 } as const),
    augment: photoAugmentation(),
    optimizer: sgd({ momentum: 0.9, weightDecay: 1e-4 }),
    onStep: ({ loss }) => losses.push(loss),
  });
  await session.dispose();
  return { losses, seconds: (performance.now() - start) / 1000 };
}
