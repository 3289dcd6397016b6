/** A short training run of a small residual net with batch norm and momentum. */
import { makeCifarNet } from '../../models/index.ts';
import type { Backend } from '../../src/backend.ts';
import { DIGITS, fitCanvas, type ImageSet } from '../../src/data/dataset.ts';
import { syntheticDigits } from '../../src/data/digits.ts';
import type { Model } from '../../src/nn/builder.ts';
import { Session } from '../../src/session.ts';
import { fit } from '../../src/train/fit.ts';
import { sgd } from '../../src/train/optimizer.ts';

export interface Setup {
  /** Takes three channels. */
  readonly model: Model;
  readonly images: number;
  readonly batch: number;
  readonly epochs: number;
  readonly lr: number;
  /** Whether it is measured after each epoch. */
  readonly measured: boolean;
}

/** A residual network of that depth for small images. */
export const residualNet = (depth: number, width: number, side: number): Model => ({
  ...makeCifarNet(depth, { width, classes: DIGITS }),
  input: [3, side, side],
});

/** 3 epochs of 5 steps. */
const SMALL: Setup = {
  ...{ model: residualNet(8, 4, 16), images: 40, batch: 8, epochs: 3, lr: 0.05, measured: true },
};

export const stepsOf = ({ images, batch, epochs }: Setup): number => epochs * Math.ceil(images / batch);
export const STEPS = stepsOf(SMALL);

/** Noise with digits' labels: something to learn by heart. */
function noise({ images, model }: Setup): ImageSet {
  const [channels, height, width] = model.input;
  const digits = fitCanvas(syntheticDigits({ count: images, seed: 2 }), 32, 32);
  const pixels = Uint8Array.from({ length: images * channels * height * width }, (_, i) => {
    return digits.pixels[(i * 13) % digits.pixels.length] as number;
  });
  return { ...digits, channels, height, width, pixels };
}

/** @param onStep called after each step, with its number */
export async function trainResidual(
  backend: Backend,
  onStep: (step: number) => void = () => {},
  setup: Setup = SMALL,
) {
  const { model, epochs, batch, lr, measured } = setup;
  const train = noise(setup);
  const rewinds: number[] = [];
  const losses = new Map<number, number>();
  const session = await Session.create(model, backend, { seed: 9 });
  const report = await fit(session, {
    ...{ train, validation: measured ? train : undefined, epochs, batch, lr },
    ...{ schedule: 'cosine', seed: 3, patience: 0 },
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
