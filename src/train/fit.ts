/**
 * The training loop as textbooks write it: shuffle each epoch, forward, backward, update with learning rate α and
 * L2 penalty λ, stop when the validation error no longer falls; the weights of the best epoch are kept.
 */
import { check, LensletError } from '../core/error.ts';
import type { Augmentation } from '../data/augment.ts';
import { type Batches, batches } from '../data/batches.ts';
import type { ImageSet } from '../data/dataset.ts';
import type { Session } from '../session.ts';
import { loadCheckpoint, type Progress, saveCheckpoint, type Weights } from './checkpoint.ts';
import { type Evaluation, evaluate, fitToModel } from './evaluate.ts';
import type { Optimizer } from './optimizer.ts';
import { type ScheduleName, schedules } from './schedule.ts';
import { SplitTrainer } from './split.ts';
import { Trainer } from './trainer.ts';

/** What makes a run what it is: equal options give equal weights, bit for bit. Plain data. */
export interface RunOptions {
  readonly epochs: number;
  readonly batch: number;
  /** Learning rate α at its highest. */
  readonly lr: number;
  readonly schedule: ScheduleName;
  readonly seed: number;
  /** Stop after this many epochs without a lower validation loss; 0: never. */
  readonly patience: number;
}

export interface FitOptions extends RunOptions {
  readonly train: ImageSet;
  /** Never trained on. Without it the last weights are kept. */
  readonly validation?: ImageSet;
  readonly optimizer: Optimizer;
  readonly augment?: Augmentation;
  /** Divide each batch between WASM and the GPU, in a backend that is both: see `SplitTrainer`. */
  readonly split?: boolean;
  /** Continue from a checkpoint of a run with equal options. */
  readonly checkpoint?: Uint8Array;
  onStep?(report: StepReport): void;
  /** `measured` is null without validation images. */
  onEpoch?(report: EpochReport, measured: Evaluation | null): void | Promise<void>;
  /** Asked after every batch of validation images, with the share that is done. */
  whileMeasuring?(share: number): Promise<void>;
  /** The device lost the weights: the run goes on after `step`, from a copy; later steps come again. */
  onRewind?(step: number, why: string): void;
  /** Asked after every step; resolves at once to go on, later to pause. */
  between?(position: Position): Promise<'go' | 'stop'>;
}

export interface StepReport {
  readonly step: number;
  readonly steps: number;
  readonly epoch: number;
  readonly loss: number;
  readonly correct: number;
  readonly images: number;
  readonly lr: number;
}

export interface EpochReport {
  /** From 1. */
  readonly epoch: number;
  readonly trainLoss: number;
  /** Measured while training, on augmented images. */
  readonly trainAccuracy: number;
  /** null without validation images. */
  readonly validationLoss: number | null;
  readonly validationAccuracy: number | null;
}

/** The run between two steps, able to save itself. */
export interface Position {
  readonly progress: Progress;
  checkpoint(): Promise<Uint8Array>;
}

export interface FitReport {
  readonly reason: 'finished' | 'stopped' | 'early-stop';
  readonly epochs: readonly EpochReport[];
  readonly steps: number;
  /** Of every batch, what WASM computed and not the GPU, where batches were divided. */
  readonly share?: number;
}

/** What a run has measured; part of its checkpoints. */
interface History {
  epochs: EpochReport[];
  loss: number;
  correct: number;
  images: number;
}

/**
 * Trains a network.
 * @throws LensletError 'value' for impossible options, data that do not fit, or a loss that is no number any more
 */
export async function fit(session: Session, options: FitOptions): Promise<FitReport> {
  checkOptions(session, options);
  const run = new Run(session, options);
  if (options.checkpoint) await run.resume(options.checkpoint);
  return run.go();
}

function checkOptions(session: Session, o: FitOptions): void {
  const count = (n: number) => Number.isInteger(n) && n > 0;
  check(
    count(o.epochs) && count(o.batch),
    'value',
    () => `Epochs and batch size must be whole numbers from 1: ${o.epochs}, ${o.batch}.`,
  );
  check(
    Number.isFinite(o.lr) && o.lr > 0,
    'value',
    () => `The learning rate must be a positive number, not ${o.lr}.`,
  );
  for (const set of [o.train, o.validation]) {
    if (!set) continue;
    check(set.count > 0, 'value', () => 'A data set without images cannot be used.');
    check(
      set.classes.length === session.model.classes.length,
      'value',
      () =>
        `${session.model.name} tells ${session.model.classes.length} classes apart, the data have ${set.classes.length}.`,
    );
    check(
      set.channels === session.model.input[0],
      'shape',
      () =>
        `${session.model.name} takes images of ${session.model.input[0]} channels, the data have ${set.channels}.`,
    );
  }
}

/** Steps that are done again at most when a device loses the weights. */
const ANCHOR_STEPS = 50;

class Run {
  readonly #trainer: Trainer | SplitTrainer;
  readonly #train: ImageSet;
  readonly #perEpoch: number;
  #epoch = 0;
  #batch = 0;
  #step = 0;
  #history: History = { epochs: [], loss: 0, correct: 0, images: 0 };
  /** A checkpoint to go back to where the backend may lose variables. */
  #anchor: Uint8Array | null = null;
  #anchorStep = 0;
  /** Weights of the epoch with the lowest validation loss; kept only where stopping early is asked for. */
  #best: Weights | null = null;

  constructor(
    readonly session: Session,
    readonly options: FitOptions,
  ) {
    const Made = options.split ? SplitTrainer : Trainer;
    this.#trainer = new Made(session, options.optimizer, options.seed);
    this.#train = fitToModel(session, options.train);
    this.#perEpoch = Math.ceil(this.#train.count / options.batch);
  }

  get #identity() {
    const { epochs, batch, lr, schedule, seed, patience, optimizer, train, validation, augment, split } =
      this.options;
    const data = [train.count, validation?.count ?? 0];
    return {
      epochs,
      batch,
      lr,
      schedule,
      seed,
      patience,
      optimizer: optimizer.name,
      data,
      augment: !!augment,
      ...(split && { split }),
    };
  }

  async resume(bytes: Uint8Array): Promise<void> {
    // The optimiser's variables must exist before they can be loaded.
    await this.#trainer.plan([Math.min(this.options.batch, this.#train.count), ...this.session.model.input]);
    await this.#restore(bytes);
  }

  async #restore(bytes: Uint8Array): Promise<void> {
    const { progress, best } = await loadCheckpoint(this.session, bytes, this.#identity);
    this.#best = best;
    this.#epoch = progress.epoch;
    this.#batch = progress.batch;
    this.#step = progress.step;
    this.#history = progress.history as History;
    if (this.#trainer instanceof SplitTrainer) this.#trainer.share = progress.share ?? null;
  }

  async go(): Promise<FitReport> {
    await this.#anchorHere();
    for (;;) {
      try {
        return await this.#goOn();
      } catch (error) {
        const lost = error instanceof LensletError && error.code === 'device';
        if (!lost || !this.#anchor) throw error;
        await this.#restore(this.#anchor);
        this.options.onRewind?.(this.#step, error.message);
      }
    }
  }

  /** Keeps a copy of where the run stands, where the backend may lose it. */
  async #anchorHere(): Promise<void> {
    if (!this.session.backend.mayLose) return;
    // All variables of the step exist once it is planned.
    await this.#trainer.plan([Math.min(this.options.batch, this.#train.count), ...this.session.model.input]);
    await this.#position().checkpoint();
  }

  async #goOn(): Promise<FitReport> {
    const { epochs, seed, augment, batch } = this.options;
    const { normalize } = this.session.model;
    while (this.#epoch < epochs) {
      const data = batches(this.#train, {
        batch,
        normalize,
        seed,
        epoch: this.#epoch,
        shuffle: true,
        augment,
      });
      if ((await this.#runEpoch(data)) === 'stop') return this.#report('stopped');
      await this.#endEpoch();
      if (this.#shouldStop()) return this.#report('early-stop');
    }
    return this.#report('finished');
  }

  async #runEpoch(data: Batches): Promise<'go' | 'stop'> {
    const { lr, schedule, onStep, between } = this.options;
    const steps = this.options.epochs * this.#perEpoch;
    const history = this.#history;
    while (this.#batch < data.count) {
      const images = data.at(this.#batch);
      const rate = lr * schedules[schedule](this.#step / steps);
      const { loss, correct } = await this.#trainer.step(images, rate, this.#step + 1);
      const n = images.labels.shape[0];
      this.#step++;
      this.#batch++;
      history.loss += loss * n;
      history.correct += correct;
      history.images += n;
      onStep?.({ step: this.#step, steps, epoch: this.#epoch + 1, loss, correct, images: n, lr: rate });
      if (this.#step - this.#anchorStep >= ANCHOR_STEPS) await this.#anchorHere();
      if (between && (await between(this.#position())) === 'stop') return 'stop';
    }
    return 'go';
  }

  #position(): Position {
    const place = { epoch: this.#epoch, batch: this.#batch, step: this.#step, history: this.#history };
    const progress = { ...place, ...this.#share };
    const checkpoint = async () => {
      const bytes = await saveCheckpoint(this.session, progress, this.#best, this.#identity);
      if (this.session.backend.mayLose) [this.#anchor, this.#anchorStep] = [bytes, progress.step];
      return bytes;
    };
    return { progress, checkpoint };
  }

  async #endEpoch(): Promise<void> {
    const { validation, onEpoch, whileMeasuring } = this.options;
    const { epochs, loss, correct, images } = this.#history;
    const measured = validation
      ? await evaluate(this.session, validation, { between: whileMeasuring })
      : null;
    const report: EpochReport = {
      epoch: ++this.#epoch,
      trainLoss: loss / images,
      trainAccuracy: correct / images,
      validationLoss: measured?.loss ?? null,
      validationAccuracy: measured?.accuracy ?? null,
    };
    this.#batch = 0;
    this.#history = { epochs: [...epochs, report], loss: 0, correct: 0, images: 0 };
    if (this.options.patience && measured && this.#epochsSinceBest() === 0)
      this.#best = await this.session.stateDict();
    // No epoch is reported twice.
    await this.#anchorHere();
    await onEpoch?.(report, measured);
  }

  #epochsSinceBest(): number {
    const losses = this.#history.epochs.map((e) => e.validationLoss ?? Number.NaN);
    return losses.length - 1 - losses.indexOf(Math.min(...losses));
  }

  /** The validation error no longer falls. */
  #shouldStop(): boolean {
    const { patience, validation } = this.options;
    return patience > 0 && !!validation && this.#epochsSinceBest() >= patience;
  }

  /** The weights of the best epoch are what an early stop is for; a finished schedule keeps its last ones. */
  async #report(reason: FitReport['reason']): Promise<FitReport> {
    if (reason === 'early-stop' && this.#best) await this.session.loadStateDict(this.#best);
    // What was read is kept where it cannot be lost.
    else if (this.session.backend.mayLose) await this.session.stateDict();
    return { reason, epochs: this.#history.epochs, steps: this.#step, ...this.#share };
  }

  get #share(): { share?: number } {
    const share = this.#trainer instanceof SplitTrainer ? this.#trainer.share : null;
    return share === null ? {} : { share };
  }
}
