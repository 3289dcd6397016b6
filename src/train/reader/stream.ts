/** Batches of amount lines without end: lines of like widths together, order and changes a function of the seed. */
import { Random } from '../../core/random.ts';
import { type Tensor, tensor } from '../../core/tensor.ts';
import type { Batch } from '../../data/batches.ts';
import { HEIGHT, type Placement } from '../../vision/reader/line.ts';
import { drawAtRandom, placeAtRandom } from './augment.ts';
import type { WrittenLine } from './compose.ts';

/** A line for each number; a pure function of it. */
export type LineMaker = (random: Random) => WrittenLine;

export interface StreamOptions {
  readonly seed: number;
  readonly batch: number;
  /** Makers of lines and how often each is asked, in parts of their sum. */
  readonly sources: readonly (readonly [share: number, make: LineMaker])[];
  /** Widths of the images, rising; wider lines are left out. */
  readonly widths: readonly number[];
  readonly labelSize: number;
  writeLabel(out: Int32Array, digits: string, text: string | null): void;
}

/** Where a stream stands: the next line's number, and the numbers of lines that wait for their batch, by width. */
export interface StreamState {
  readonly next: number;
  readonly waiting: readonly (readonly number[])[];
}

interface Placed {
  readonly number: number;
  readonly made: WrittenLine;
  readonly at: Placement;
}

/** Makes batches one after the other; a stream started at a state goes on as the one that was there would have. */
export class LineStream {
  #next: number;
  readonly #waiting: Placed[][];
  readonly #random: Random;

  constructor(
    readonly options: StreamOptions,
    state?: StreamState,
  ) {
    this.#random = new Random(options.seed).at('lines');
    this.#next = state?.next ?? 0;
    this.#waiting = options.widths.map((_, i) =>
      (state?.waiting[i] ?? []).map((number) => this.#make(number)),
    );
  }

  get state(): StreamState {
    return { next: this.#next, waiting: this.#waiting.map((list) => list.map(({ number }) => number)) };
  }

  #make(number: number): Placed {
    const random = this.#random.at(number);
    const { sources } = this.options;
    let left = random.uniform() * sources.reduce((sum, [share]) => sum + share, 0);
    const [, make] = sources.find(([share]) => (left -= share) < 0) ?? sources[0]!;
    const made = make(random.at('line'));
    return { number, made, at: placeAtRandom(made.line, random.at('place')) };
  }

  /** The next batch: images f32[B,1,HEIGHT,width], 0 … 255 times `scale`, and labels. */
  next(scale: number): Batch {
    const { widths, batch } = this.options;
    for (;;) {
      const placed = this.#make(this.#next++);
      const bucket = widths.findIndex((width) => placed.at.width <= width);
      const list = this.#waiting[bucket];
      if (!list) continue;
      list.push(placed);
      if (list.length === batch) return this.#batch(list.splice(0), widths[bucket]!, scale);
    }
  }

  #batch(lines: readonly Placed[], width: number, scale: number): Batch {
    const { labelSize, writeLabel } = this.options;
    const size = HEIGHT * width;
    const x = new Float32Array(lines.length * size);
    const labels = new Int32Array(lines.length * labelSize);
    const image = new Uint8Array(size);
    lines.forEach(({ number, made, at }, i) => {
      drawAtRandom(made.line, at, width, this.#random.at(number, 'draw'), image);
      for (let k = 0; k < size; k++) x[i * size + k] = scale * image[k]!;
      writeLabel(labels.subarray(i * labelSize, (i + 1) * labelSize), made.digits, made.text);
    });
    const shape = [lines.length, 1, HEIGHT, width];
    return { x: tensor(shape, x) as Tensor, labels: tensor([lines.length, labelSize], labels) };
  }
}
