/** Ranges of the tensors inside a network, from images. */
import { check } from '../core/error.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Range } from './source.ts';

/**
 * minmax: everything that was seen. percentile: all but a share of 1e-4 at either end. mse: where rounding and clipping
 * together cost least, in mean squares.
 */
export type CalibrationMethod = 'minmax' | 'percentile' | 'mse';

const BINS = 4096;
const SHARE = 1e-4;
/** Ranges tried by `mse`, from the whole one down to a tenth. */
const TRIALS = 90;

/** What has been seen of one tensor. */
export class Observer {
  low = Number.POSITIVE_INFINITY;
  high = Number.NEGATIVE_INFINITY;
  readonly #bins = new Float64Array(BINS);
  #count = 0;

  /** First look. @throws LensletError 'value' */
  measure({ data }: Tensor, name: string): void {
    for (let i = 0; i < data.length; i++) {
      if (data[i] < this.low) this.low = data[i];
      if (data[i] > this.high) this.high = data[i];
    }
    check(
      Number.isFinite(this.high - this.low),
      'value',
      () => `"${name}" holds NaN or infinity for these images: the weights cannot be quantised.`,
    );
  }

  /** Second look, once all has been measured. */
  count({ data }: Tensor): void {
    const width = (this.high - this.low) / BINS || 1;
    for (let i = 0; i < data.length; i++) {
      this.#bins[Math.min(BINS - 1, Math.floor((data[i] - this.low) / width))]++;
    }
    this.#count += data.length;
  }

  range(method: CalibrationMethod): Range {
    if (method === 'minmax' || this.high === this.low) return [this.low, this.high];
    return method === 'percentile' ? this.#percentile() : this.#mse();
  }

  #valueOf(bin: number): number {
    return this.low + ((bin + 0.5) * (this.high - this.low)) / BINS;
  }

  #percentile(): Range {
    const most = SHARE * this.#count;
    let [low, high] = [0, BINS - 1];
    for (let sum = this.#bins[low]; sum < most; sum += this.#bins[++low]);
    for (let sum = this.#bins[high]; sum < most; sum += this.#bins[--high]);
    const step = (this.high - this.low) / BINS;
    return [this.low + low * step, this.low + (high + 1) * step];
  }

  #mse(): Range {
    const unsigned = this.low >= 0;
    const largest = Math.max(-this.low, this.high);
    let best = { clip: largest, error: Number.POSITIVE_INFINITY };
    for (let t = 0; t < TRIALS; t++) {
      const clip = largest * (1 - t / 100);
      const error = this.#errorOf(clip, clip / (unsigned ? 255 : 127));
      if (error < best.error) best = { clip, error };
    }
    return [
      unsigned ? Math.max(0, this.low) : Math.max(this.low, -best.clip),
      Math.min(this.high, best.clip),
    ];
  }

  /** Squares of rounding, a twelfth of a step's, and of clipping. */
  #errorOf(clip: number, step: number): number {
    let error = 0;
    for (let bin = 0; bin < BINS; bin++) {
      if (this.#bins[bin] === 0) continue;
      const beyond = Math.abs(this.#valueOf(bin)) - clip;
      error += this.#bins[bin] * (beyond > 0 ? beyond * beyond : (step * step) / 12);
    }
    return error;
  }
}
