/** Batches for training: order and augmentation are pure functions of (seed, epoch, image). */
import { check } from '../core/error.ts';
import { Random } from '../core/random.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Augmentation } from './augment.ts';
import { checkImageSet, type ImageSet, imageAt, imageSize } from './dataset.ts';

/** x = scale · pixel + offset, pixel 0 … 255; one number for all channels or one a channel. */
export interface Normalization {
  readonly scale: number | readonly number[];
  readonly offset: number | readonly number[];
}

export interface Padding {
  readonly top: number;
  readonly left: number;
  readonly bottom: number;
  readonly right: number;
  /** Pixel value, 0 … 255, normalised like the image's. */
  readonly value: number;
}

export interface BatchOptions {
  readonly batch: number;
  readonly normalize: Normalization;
  readonly seed?: number;
  readonly epoch?: number;
  /** Another order each epoch; without it, the order of the set. */
  readonly shuffle?: boolean;
  /** Applied to the bytes, before padding and normalisation. */
  readonly augment?: Augmentation;
  readonly pad?: Padding;
  /** Leaves out the last batch when it is short. */
  readonly dropLast?: boolean;
}

export interface Batch {
  /** f32 [B,C,H,W]. */
  readonly x: Tensor;
  /** i32 [B]. */
  readonly labels: Tensor;
}

export interface Batches extends Iterable<Batch> {
  /** Number of batches. */
  readonly count: number;
  /** C, H, W of the images delivered. */
  readonly shape: readonly [number, number, number];
  /** Batch i of the epoch, in memory that the next call takes again. @throws LensletError `value` */
  at(i: number): Batch;
}

/** The normalisation that makes mean 0 and standard deviation 1 of pixels with these, given for 0 … 1. */
export const standardize = (mean: readonly number[], std: readonly number[]): Normalization => ({
  scale: std.map((s) => 1 / (255 * s)),
  offset: mean.map((m, c) => -m / (std[c] as number)),
});

/** Pixel value → normalised, [C,256]. */
function normalizationTable({ scale, offset }: Normalization, channels: number): Float32Array {
  const table = new Float32Array(256 * channels);
  const of = (v: number | readonly number[], c: number): number =>
    typeof v === 'number' ? v : (v[c] ?? Number.NaN);
  for (let c = 0; c < channels; c++) {
    for (let p = 0; p < 256; p++) table[256 * c + p] = of(scale, c) * p + of(offset, c);
  }
  check(
    table.every(Number.isFinite),
    'value',
    () => `Normalisation needs finite numbers, one or ${channels} each: scale ${scale}, offset ${offset}.`,
  );
  return table;
}

const NO_PADDING: Padding = { top: 0, left: 0, bottom: 0, right: 0, value: 0 };

const isCount = (n: number): boolean => Number.isSafeInteger(n) && n >= 0;

function checkOptions(batch: number, pad: Padding): void {
  check(isCount(batch) && batch > 0, 'value', () => `Batches must hold 1 image or more, not ${batch}.`);
  check(
    [pad.top, pad.left, pad.bottom, pad.right].every(isCount),
    'value',
    () => `Padding must be whole numbers of pixels, 0 or more: ${JSON.stringify(pad)}.`,
  );
  check(
    isCount(pad.value) && pad.value < 256,
    'value',
    () => `The padding's value must be 0 to 255: ${pad.value}.`,
  );
}

/**
 * The batches of one epoch. Batch i is the same whether or not those before it were made, so a run can be
 * resumed at any (epoch, batch).
 * @throws LensletError `value` for impossible options or labels, `shape` for a set whose sizes disagree
 */
export function batches(set: ImageSet, options: BatchOptions): Batches {
  const { batch, seed = 0, epoch = 0, shuffle = false, augment, dropLast = false } = options;
  const pad = options.pad ?? NO_PADDING;
  checkImageSet(set);
  checkOptions(batch, pad);
  const { channels, height, width } = set;
  const table = normalizationTable(options.normalize, channels);
  const random = new Random(seed);
  const order = shuffle ? random.at('order', epoch).permutation(set.count) : null;
  const augmentations = random.at('augment', epoch);
  const count = dropLast ? Math.floor(set.count / batch) : Math.ceil(set.count / batch);
  const outHeight = height + pad.top + pad.bottom;
  const outWidth = width + pad.left + pad.right;
  const plane = outHeight * outWidth;
  const most = Math.min(batch, set.count);
  const x = new Float32Array(most * channels * plane);
  const labels = new Int32Array(most);
  const scratch = new Uint8Array(augment ? imageSize(set) : 0);
  for (let p = 0; p < most * channels; p++) {
    x.fill(table[256 * (p % channels) + pad.value] as number, p * plane, (p + 1) * plane);
  }

  /** Writes image `index`, augmented and normalised, inside the padding of place `b`. */
  const put = (index: number, b: number): void => {
    let source = imageAt(set, index);
    if (augment) {
      augment(source, scratch, channels, height, width, augmentations.at(index));
      source = scratch;
    }
    let from = 0;
    for (let c = 0; c < channels; c++) {
      for (let y = 0; y < height; y++) {
        let to = (b * channels + c) * plane + (y + pad.top) * outWidth + pad.left;
        for (let i = 0; i < width; i++) x[to++] = table[256 * c + (source[from++] as number)] as number;
      }
    }
    labels[b] = set.labels[index] as number;
  };

  const at = (i: number): Batch => {
    check(isCount(i) && i < count, 'value', () => `There is no batch ${i}; the epoch has ${count}.`);
    const n = Math.min(batch, set.count - i * batch);
    for (let b = 0; b < n; b++) {
      const place = i * batch + b;
      put(order ? (order[place] as number) : place, b);
    }
    return {
      x: {
        dtype: 'f32',
        shape: [n, channels, outHeight, outWidth],
        data: x.subarray(0, n * channels * plane),
      },
      labels: { dtype: 'i32', shape: [n], data: labels.subarray(0, n) },
    };
  };

  return {
    count,
    shape: [channels, outHeight, outWidth],
    at,
    *[Symbol.iterator]() {
      for (let i = 0; i < count; i++) yield at(i);
    },
  };
}
