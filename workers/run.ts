/** A training run in the engine: data, reports, pausing and stopping, checkpoints. */
import { LensletError } from '../src/core/error.ts';
import type { Tensor } from '../src/core/tensor.ts';
import { augmentationFor } from '../src/data/augmentations.ts';
import { batches } from '../src/data/batches.ts';
import { concat, type ImageSet, imageAt, subset } from '../src/data/dataset.ts';
import { syntheticDigits } from '../src/data/digits.ts';
import { classify, probabilities, type Session } from '../src/session.ts';
import { type Evaluation, fitToModel } from '../src/train/evaluate.ts';
import { type EpochReport as FitEpoch, fit, type Position } from '../src/train/fit.ts';
import { adam, adamw, type Optimizer, sgd } from '../src/train/optimizer.ts';
import type { EpochLook, RunLog, Sample, TrainListener, TrainOptions } from './api.ts';
import { adaptTo } from './app/adapt.ts';
import { type DataParts, decodeData } from './app/data-file.ts';
import type { Library } from './app/library.ts';
import { Recorder } from './app/recorder.ts';
import type { RunFile } from './app/run-file.ts';

/** Longest time without looking for messages. */
const YIELD_MS = 12;
/** The first checkpoint comes soon, then one every half minute and after every epoch. */
const FIRST_SAVE_MS = 4_000;
const SAVE_MS = 30_000;
const SAMPLES = 24;

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

/** The images that the options name. @throws LensletError 'unknown' when a stored set is gone */
export async function loadData({ data, seed }: TrainOptions, library: Library): Promise<DataParts> {
  if (data.kind === 'stored') return decodeData(await library.bytes(`data-${data.id}`));
  return {
    train: await writeDigits(data.train, seed),
    validation: data.validation > 0 ? await writeDigits(data.validation, seed + 1) : null,
  };
}

/** A turn of the event loop: messages are read, timers are not throttled as setTimeout is. */
export const nextTurn = (): Promise<void> =>
  new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });

export interface RunStart {
  readonly log: RunLog;
  /** To go on from. */
  readonly checkpoint?: Uint8Array;
  /** Where checkpoints go; null where none can be kept. */
  readonly file: RunFile | null;
}

export interface RunResult {
  readonly reason: 'finished' | 'stopped' | 'early-stop';
  readonly steps: number;
  readonly log: RunLog;
}

export class Run {
  #state: 'running' | 'paused' | 'stopping' = 'running';
  #wake: (() => void) | null = null;
  #saveWanted = false;
  #nextSave = performance.now() + FIRST_SAVE_MS;
  #lastTurn = performance.now();
  #steps = 0;
  readonly #recorder: Recorder;

  constructor(
    readonly session: Session,
    readonly options: TrainOptions,
    private readonly from: RunStart,
    private readonly listener: TrainListener,
  ) {
    this.#recorder = new Recorder(from.log);
  }

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

  /** Asks for a checkpoint after the step under way. */
  saveSoon(): void {
    this.#saveWanted = true;
  }

  /** @throws LensletError as `fit` does */
  async go({ train, validation }: DataParts): Promise<RunResult> {
    const { options, listener } = this;
    const { input } = this.session.model;
    const sets = {
      train: adaptTo(train, input),
      validation: validation ? adaptTo(validation, input) : undefined,
    };
    const sampled = sets.validation && someOf(fitToModel(this.session, sets.validation));
    listener.onData({
      train: train.count,
      validation: validation?.count ?? 0,
      classes: this.session.model.classes,
    });
    const { reason, steps } = await fit(this.session, {
      ...options,
      ...sets,
      optimizer: optimizers[options.optimizer](options),
      augment: options.augment ? augmentationFor(input[0]) : undefined,
      patience: 0,
      checkpoint: this.from.checkpoint,
      onStep: (step) => {
        this.#steps = step.steps;
        const report = this.#recorder.step(step);
        if (report) listener.onStep(report);
      },
      onEpoch: (epoch, measured) => this.#endEpoch(epoch, measured, sampled),
      whileMeasuring: async (share) => {
        listener.onMeasuring(share);
        await this.#turn();
      },
      onRewind: (step) => {
        this.#recorder.rewind(step);
        listener.onRewind(step);
      },
      between: (position) => this.#between(position),
    });
    return { reason, steps, log: this.#recorder.log };
  }

  async #endEpoch(
    epoch: FitEpoch,
    measured: Evaluation | null,
    sampled: ImageSet | undefined,
  ): Promise<void> {
    const step = Math.round((this.#steps * epoch.epoch) / this.options.epochs);
    const report = this.#recorder.epoch({ ...epoch, step });
    const look: EpochLook | null =
      measured && sampled
        ? {
            shape: this.session.model.input,
            confusion: measured.confusion,
            samples: await lookAt(this.session, sampled),
          }
        : null;
    this.listener.onEpoch(report, look);
    this.#saveWanted = true;
  }

  async #turn(): Promise<void> {
    if (performance.now() - this.#lastTurn < YIELD_MS) return;
    await nextTurn();
    this.#lastTurn = performance.now();
  }

  async #between(position: Position): Promise<'go' | 'stop'> {
    await this.#turn();
    if (this.#state !== 'stopping' && (this.#saveWanted || performance.now() > this.#nextSave)) {
      await this.#save(position);
    }
    if (this.#state === 'paused') {
      const from = performance.now();
      await this.#save(position);
      // The state may have changed while the checkpoint was written.
      if (this.#state === 'paused') {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        this.#wake = null;
      }
      this.#recorder.skip(from);
    }
    return this.#state === 'stopping' ? 'stop' : 'go';
  }

  async #save(position: Position): Promise<void> {
    const { file } = this.from;
    this.#saveWanted = false;
    this.#nextSave = performance.now() + SAVE_MS;
    if (!file) return;
    const from = performance.now();
    try {
      const { step } = position.progress;
      const place = { step, steps: this.#steps, log: this.#recorder.log };
      await file.save(place, await position.checkpoint());
      this.listener.onCheckpoint(null);
    } catch (error) {
      this.listener.onCheckpoint(error instanceof Error ? error.message : String(error));
    }
    this.#recorder.skip(from);
  }
}

/** Some images from all over the set. */
function someOf(set: ImageSet): ImageSet {
  const count = Math.min(SAMPLES, set.count);
  return subset(
    set,
    Array.from({ length: count }, (_, i) => Math.floor((i * set.count) / count)),
  );
}

async function lookAt(session: Session, set: ImageSet): Promise<Sample[]> {
  const { x } = batches(set, { batch: set.count, normalize: session.model.normalize }).at(0);
  const { scores } = await session.infer(x);
  const answers = classify(scores);
  const classes = session.model.classes.length;
  return answers.map((answer, i) => {
    const row = scores.data.subarray(i * classes, (i + 1) * classes);
    const probability = probabilities(row)[answer];
    return { pixels: imageAt(set, i).slice(), label: set.labels[i], answer, probability };
  });
}

/**
 * Sets the weights that fit by name and shape; others, such as a last layer for other classes, stay as they are.
 * @throws LensletError 'value' when less than half of the network's numbers are among them
 */
export async function startFrom(session: Session, weights: ReadonlyMap<string, Tensor>): Promise<void> {
  const own = await session.stateDict();
  let [taken, all] = [0, 0];
  for (const [name, { data, shape }] of own) {
    const given = weights.get(name);
    all += data.length;
    if (!given || `${given.shape}` !== `${shape}`) continue;
    own.set(name, given);
    taken += data.length;
  }
  if (taken < all / 2) {
    throw new LensletError(
      'value',
      `The chosen weights are not those of ${session.model.title}: start from others, or from random ones.`,
    );
  }
  await session.loadStateDict(own);
}
