/** A training run in the engine: data, options, reports, pausing and stopping. */
import { check } from '../src/core/error.ts';
import { Random } from '../src/core/random.ts';
import { augmentationFor } from '../src/data/augmentations.ts';
import { concat, fromIdx, type ImageSet, split } from '../src/data/dataset.ts';
import { syntheticDigits } from '../src/data/digits.ts';
import { readIdxPairs } from '../src/io/idx.ts';
import type { Session } from '../src/session.ts';
import { type EpochReport as FitEpoch, type StepReport as FitStep, fit } from '../src/train/fit.ts';
import { adam, adamw, type Optimizer, sgd } from '../src/train/optimizer.ts';
import type { TrainData, TrainListener, TrainOptions, TrainReport } from './api.ts';

/** Shortest time between two reports of steps, and longest without looking for messages. */
const REPORT_MS = 100;
const YIELD_MS = 12;

const optimizers: Record<TrainOptions['optimizer'], (o: TrainOptions) => Optimizer> = {
  sgd: ({ momentum, weightDecay }) => sgd({ momentum, weightDecay }),
  adam: ({ weightDecay }) => adam({ weightDecay }),
  adamw: ({ weightDecay }) => adamw({ weightDecay }),
};

/** Synthetic digits, in parts that take some 20 ms, so that messages are read in between. */
async function writeDigits(count: number, seed: number): Promise<ImageSet> {
  const part = 500;
  const parts = [syntheticDigits({ count: Math.min(part, count), seed })];
  for (let start = part; start < count; start += part) {
    await nextTurn();
    parts.push(syntheticDigits({ count: Math.min(part, count - start), seed, start }));
  }
  return concat(parts as [ImageSet, ...ImageSet[]]);
}

/** Training and validation images; a tenth is set aside where the files bring no test set. */
async function loadData(data: TrainData, seed: number): Promise<{ train: ImageSet; validation: ImageSet }> {
  if (data.kind === 'synthetic') {
    return {
      train: await writeDigits(data.train, seed),
      validation: await writeDigits(data.validation, seed + 1),
    };
  }
  const files = data.files.map(({ name, bytes }) => ({ name, bytes: new Uint8Array(bytes) }));
  const { train, test } = await readIdxPairs(files);
  check(train, 'value', () => 'The files hold no training images (train-images… and train-labels…).');
  const all = fromIdx(train);
  if (test) return { train: all, validation: fromIdx(test) };
  const [rest, validation] = split(all, Math.floor(all.count / 10), new Random(seed).at('validation'));
  return { train: rest, validation };
}

/** The report of a run that has validation images, as all runs here. */
const measured = (e: FitEpoch) => ({
  ...e,
  validationLoss: e.validationLoss ?? Number.NaN,
  validationAccuracy: e.validationAccuracy ?? Number.NaN,
});

/** A turn of the event loop: messages are read, timers are not throttled as setTimeout is. */
const nextTurn = (): Promise<void> =>
  new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });

export class Run {
  #state: 'running' | 'paused' | 'stopping' = 'running';
  #wake: (() => void) | null = null;

  constructor(
    readonly session: Session,
    readonly options: TrainOptions,
  ) {}

  pause(): void {
    if (this.#state === 'running') this.#state = 'paused';
  }

  resume(): void {
    if (this.#state === 'paused') this.#state = 'running';
    this.#wake?.();
  }

  stop(): void {
    this.#state = 'stopping';
    this.#wake?.();
  }

  async go(listener: TrainListener): Promise<TrainReport> {
    const { options } = this;
    const { train, validation } = await loadData(options.data, options.seed);
    const meter = new Meter(listener);
    let last = performance.now();
    const { reason, steps, epochs } = await fit(this.session, {
      ...options,
      train,
      validation,
      optimizer: optimizers[options.optimizer](options),
      augment: options.augment ? augmentationFor(train.channels) : undefined,
      patience: 0,
      onStep: (step) => meter.step(step),
      onEpoch: (epoch) => listener.onEpoch({ ...measured(epoch), seconds: meter.lap() }),
      between: async () => {
        if (performance.now() - last > YIELD_MS) {
          await nextTurn();
          last = performance.now();
        }
        if (this.#state === 'paused') {
          meter.pause();
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
          meter.resume();
        }
        return this.#state === 'stopping' ? 'stop' : 'go';
      },
    });
    return {
      reason,
      steps,
      bestValidationAccuracy: Math.max(0, ...epochs.map((e) => measured(e).validationAccuracy)),
    };
  }
}

/** Speeds and running means, and no more reports than the page can draw. */
class Meter {
  #reported = 0;
  #images = 0;
  #correct = 0;
  #loss = 0;
  #lap = performance.now();
  #paused = 0;

  constructor(private readonly listener: TrainListener) {
    this.#reported = performance.now();
  }

  step({ step, steps, epoch, loss, correct, images, lr }: FitStep): void {
    this.#images += images;
    this.#correct += correct;
    this.#loss += loss * images;
    const now = performance.now();
    if (now - this.#reported < REPORT_MS && step < steps) return;
    this.listener.onStep({
      step,
      steps,
      epoch,
      loss: this.#loss / this.#images,
      accuracy: this.#correct / this.#images,
      lr,
      imagesPerSecond: (1000 * this.#images) / (now - this.#reported),
    });
    this.#reported = now;
    this.#images = this.#correct = this.#loss = 0;
  }

  /** Seconds since the last call, pauses left out. */
  lap(): number {
    const now = performance.now();
    const seconds = (now - this.#lap) / 1000;
    this.#lap = now;
    return seconds;
  }

  pause(): void {
    this.#paused = performance.now();
  }

  resume(): void {
    const away = performance.now() - this.#paused;
    this.#lap += away;
    this.#reported += away;
  }
}
