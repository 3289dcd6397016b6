/** A CSV file with one row an epoch. */
import { appendFile, writeFile } from 'node:fs/promises';
import type { EpochReport } from '../src/train/fit.ts';
import { exists, fileError } from './files.ts';

const COLUMNS = 'epoch,train_loss,train_accuracy,validation_loss,validation_accuracy,seconds\n';

export class TrainingLog {
  private constructor(private readonly path: string | undefined) {}

  /** Starts the file, or goes on with it; without a path nothing is written. */
  static async open(path: string | undefined, resume: boolean): Promise<TrainingLog> {
    const log = new TrainingLog(path);
    if (path && !(resume && (await exists(path)))) await log.#write(() => writeFile(path, COLUMNS));
    return log;
  }

  async add(e: EpochReport, seconds: number): Promise<void> {
    const { path } = this;
    const cells = [e.epoch, e.trainLoss, e.trainAccuracy, e.validationLoss, e.validationAccuracy, seconds];
    if (path) await this.#write(() => appendFile(path, `${cells.map((v) => v ?? '').join(',')}\n`));
  }

  async #write(action: () => Promise<void>): Promise<void> {
    await action().catch((cause) => {
      throw fileError('Cannot write', this.path ?? '', cause);
    });
  }
}
