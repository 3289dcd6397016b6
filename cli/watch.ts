/** Watches a training run: progress bar, log, checkpoints, Ctrl-C. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { LensletError } from '../src/core/error.ts';
import type { EpochReport, FitOptions, Position, StepReport } from '../src/train/fit.ts';
import { writeAtomic } from './files.ts';
import { duration, ProgressBar } from './progress.ts';
import { percent } from './table.ts';
import type { TrainingLog } from './training-log.ts';

/** Longest time without looking at signals and timers. */
const TURN_MS = 50;
const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

export class Watch {
  readonly #bar = new ProgressBar();
  readonly #start = performance.now();
  #batches = 1;
  #epochs = 1;
  #stopping = false;
  #position: Position | null = null;
  #turn = performance.now();
  #saved = performance.now();
  #epochStart = performance.now();
  #images = 0;
  #loss = 0;
  #pending: Promise<void> = Promise.resolve();

  constructor(
    private readonly log: TrainingLog,
    private readonly checkpoint: string | undefined,
    private readonly saveEvery: number | undefined,
  ) {}

  begin({ train, batch, epochs }: FitOptions): void {
    this.#batches = Math.ceil(train.count / batch);
    this.#epochs = epochs;
  }

  get seconds(): number {
    return (performance.now() - this.#start) / 1000;
  }

  /** The checkpoint of where the run stands. */
  save(): Promise<Uint8Array> {
    if (!this.#position) throw new LensletError('value', 'The run has not begun: there is nothing to save.');
    return this.#position.checkpoint();
  }

  /** Runs the training; the first signal asks it to stop, the second ends the program. */
  async while<T>(work: () => Promise<T>): Promise<T> {
    const stop = () => {
      if (this.#stopping) process.exit(130);
      this.#stopping = true;
    };
    for (const signal of SIGNALS) process.on(signal, stop);
    try {
      const result = await work();
      await this.#pending;
      return result;
    } finally {
      this.#bar.clear();
      for (const signal of SIGNALS) process.off(signal, stop);
    }
  }

  readonly hooks: Pick<FitOptions, 'onStep' | 'onEpoch' | 'onRewind' | 'between'> = {
    onStep: (step) => this.#step(step),
    onEpoch: (epoch) => this.#epoch(epoch),
    onRewind: (step) => {
      this.#bar.say(`The weights were lost: the run goes on after step ${step}.`);
      this.#images = this.#loss = 0;
    },
    between: (position) => this.#between(position),
  };

  #step({ step, steps, epoch, loss, images }: StepReport): void {
    this.#images += images;
    this.#loss += loss * images;
    const elapsed = (performance.now() - this.#epochStart) / 1000;
    const inEpoch = step - (epoch - 1) * this.#batches;
    const detail =
      `${inEpoch}/${this.#batches}  loss ${(this.#loss / this.#images).toFixed(4)}  ` +
      `${Math.round(this.#images / elapsed)} images/s`;
    this.#bar.update(`epoch ${epoch}/${this.#epochs}`, step / steps, detail);
  }

  #epoch(e: EpochReport): void {
    const seconds = (performance.now() - this.#epochStart) / 1000;
    const measured =
      e.validationLoss === null
        ? ''
        : `  validation: loss ${e.validationLoss.toFixed(4)}, ${percent(e.validationAccuracy ?? 0)} right`;
    this.#bar.say(
      `epoch ${e.epoch}/${this.#epochs}  loss ${e.trainLoss.toFixed(4)}, ${percent(e.trainAccuracy)} right` +
        `${measured}  ${duration(seconds)}`,
    );
    this.#pending = this.#pending.then(() => this.log.add(e, seconds));
    // Told where it is awaited; until then it is no unhandled rejection.
    this.#pending.catch(() => undefined);
    this.#epochStart = performance.now();
    this.#images = this.#loss = 0;
  }

  async #between(position: Position): Promise<'go' | 'stop'> {
    this.#position = position;
    const now = performance.now();
    if (now - this.#turn > TURN_MS) {
      await this.#pending;
      await nextTurn();
      this.#turn = performance.now();
    }
    const due = this.saveEvery !== undefined && now - this.#saved > 1000 * this.saveEvery;
    if (this.checkpoint && (due || position.progress.batch === this.#batches)) {
      await writeAtomic(this.checkpoint, await position.checkpoint());
      this.#saved = performance.now();
    }
    return this.#stopping ? 'stop' : 'go';
  }
}
