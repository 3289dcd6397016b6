/** Speeds, running means and the log of a run; no more reports than the page can draw. */
import type { StepReport as FitStep } from '../../src/train/fit.ts';
import type { EpochReport, RunLog, StepReport } from '../api.ts';

/** Shortest time between two reports of steps: drawing them takes time from the training where cores are few. */
const REPORT_MS = 250;
/** Points beyond which every other one is dropped. */
const MOST_POINTS = 2000;

export class Recorder {
  #points: StepReport[];
  #epochs: EpochReport[];
  #reported = performance.now();
  #lap = performance.now();
  #lastStep = performance.now();
  #images = 0;
  #correct = 0;
  #loss = 0;

  constructor(private readonly start: RunLog) {
    this.#points = [...start.points];
    this.#epochs = [...start.epochs];
  }

  get log(): RunLog {
    return { ...this.start, points: this.#points, epochs: this.#epochs };
  }

  /** Takes a step in. @returns what to report, when it is time */
  step({ step, steps, epoch, loss, correct, images, lr }: FitStep): StepReport | null {
    this.#images += images;
    this.#correct += correct;
    this.#loss += loss * images;
    const now = performance.now();
    this.#lastStep = now;
    if (now - this.#reported < REPORT_MS && step < steps) return null;
    const report: StepReport = {
      ...{ step, steps, epoch, lr },
      loss: this.#loss / this.#images,
      accuracy: this.#correct / this.#images,
      imagesPerSecond: (1000 * this.#images) / Math.max(1e-3, now - this.#reported),
    };
    this.#reported = now;
    this.#images = this.#correct = this.#loss = 0;
    if (this.#points.length >= MOST_POINTS) this.#points = this.#points.filter((_, i) => i % 2 === 1);
    this.#points.push(report);
    return report;
  }

  /** Ends an epoch; the time since its last step was for measuring and counts for no speed. */
  epoch(report: Omit<EpochReport, 'seconds'>): EpochReport {
    const now = performance.now();
    this.#reported += now - this.#lastStep;
    const full = { ...report, seconds: (now - this.#lap) / 1000 };
    this.#lap = now;
    this.#epochs = [...this.#epochs, full];
    return full;
  }

  /** Forgets what came after a step: it will come again. */
  rewind(step: number): void {
    this.#points = this.#points.filter((p) => p.step <= step);
    this.#epochs = this.#epochs.filter((e) => e.step <= step);
    this.#images = this.#correct = this.#loss = 0;
  }

  /** Leaves out the time since `from` (performance.now()): the run stood still. */
  skip(from: number): void {
    const away = performance.now() - from;
    this.#lap += away;
    this.#reported += away;
  }
}
