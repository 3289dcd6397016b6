/** Runs one after the other: starting, going on, and what becomes of them. */
import type { Backend } from '../../src/backend.ts';
import { check, LensletError } from '../../src/core/error.ts';
import { Session } from '../../src/session.ts';
import type { ResumableRun, RunLog, TrainListener, TrainOptions, TrainReport } from '../api.ts';
import { loadData, Run, type RunStart, startFrom } from '../run.ts';
import type { DataParts } from './data-file.ts';
import type { Library } from './library.ts';
import { RunFile } from './run-file.ts';
import { networkFor, type Shelf } from './shelf.ts';

export class Training {
  /** The run under way. */
  run: Run | null = null;
  #busy = false;
  #stopAtOnce = false;

  constructor(
    private readonly backend: Promise<Backend>,
    private readonly library: Promise<Library>,
    private readonly shelf: Shelf,
  ) {}

  /** @throws LensletError 'value' while another run is under way, and whatever `fit` throws */
  async start(options: TrainOptions, title: string, listener: TrainListener): Promise<TrainReport> {
    return this.#alone(async () => {
      const library = await this.library;
      const data = await loadData(options, library);
      const { classes } = data.train;
      networkFor(options.network, classes, options.size);
      const file = library.keeps ? await RunFile.create(library, { title, options, classes }) : null;
      const log: RunLog = { title, options, points: [], epochs: [] };
      return this.#train(data, { log, file }, listener);
    });
  }

  async goOn(id: string, listener: TrainListener): Promise<TrainReport> {
    return this.#alone(async () => {
      const library = await this.library;
      const from = await RunFile.open(library, id);
      try {
        const data = await loadData(from.log.options, library);
        return await this.#train(data, from, listener);
      } catch (error) {
        await from.file.close(false);
        throw error;
      }
    });
  }

  async resumable(onFreed: () => void): Promise<ResumableRun[]> {
    return RunFile.list(await this.library, onFreed);
  }

  async forget(id: string): Promise<void> {
    await RunFile.forget(await this.library, id);
  }

  /** Also while the data are still being prepared. */
  stop(): void {
    this.#stopAtOnce = true;
    this.run?.stop();
  }

  async #alone<T>(work: () => Promise<T>): Promise<T> {
    check(!this.#busy, 'value', () => 'A run is under way; stop it before you start another.');
    this.#busy = true;
    this.#stopAtOnce = false;
    try {
      return await work();
    } finally {
      this.#busy = false;
      this.run = null;
    }
  }

  async #train(data: DataParts, from: RunStart, listener: TrainListener): Promise<TrainReport> {
    const { options, title } = from.log;
    const model = networkFor(options.network, data.train.classes, options.size);
    const session = await Session.create(model, await this.backend, { seed: options.seed });
    try {
      if (options.start && !from.checkpoint) {
        await startFrom(session, (await this.shelf.load(options.start)).weights);
      }
      const run = new Run(session, options, from, listener);
      this.run = run;
      if (this.#stopAtOnce) run.stop();
      const { reason, steps, log } = await run.go(data);
      const best = log.epochs.map((e) => e.validationAccuracy).filter((a) => a !== null);
      const facts = {
        ...({ title, origin: 'trained', network: options.network, measuredOn: null } as const),
        accuracy: best.at(-1) ?? null,
      };
      const { summary, problem } = await this.shelf.add(
        { model, weights: await session.stateDict() },
        facts,
        log,
      );
      // What is finished and stored needs no checkpoint; what could not be stored keeps it.
      await from.file?.close(problem === null);
      return {
        ...{ reason, steps, problem, model: summary.id },
        bestValidationAccuracy: best.length > 0 ? Math.max(...best) : null,
      };
    } catch (error) {
      // A run that diverged would do so again; others can go on from their checkpoint.
      const diverged = error instanceof LensletError && error.code === 'value';
      await from.file?.close(diverged || !(await from.file.hasCheckpoint()));
      throw error;
    } finally {
      await session.dispose();
    }
  }
}
