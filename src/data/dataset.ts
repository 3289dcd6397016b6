/** Labelled images in memory, as bytes. */
import { check } from '../core/error.ts';
import type { Random } from '../core/random.ts';
import type { IdxPair } from '../io/idx.ts';

export interface ImageSet {
  readonly count: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** N·C·H·W, row-major, 0 … 255. */
  readonly pixels: Uint8Array;
  /** N indices into `classes`. */
  readonly labels: Uint8Array | Int32Array;
  readonly classes: readonly string[];
}

export const DIGITS: readonly string[] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];

/** Bytes of one image. */
export const imageSize = (set: ImageSet): number => set.channels * set.height * set.width;

/** Image i, C·H·W; a view. */
export function imageAt(set: ImageSet, i: number): Uint8Array {
  const size = imageSize(set);
  return set.pixels.subarray(i * size, (i + 1) * size);
}

/**
 * Checks what the type cannot say and returns the set.
 * @throws LensletError `shape` when sizes disagree, `value` when a label is not an index into the classes
 */
export function checkImageSet(set: ImageSet): ImageSet {
  const { count, pixels, labels, classes } = set;
  check(
    pixels.length === count * imageSize(set) && labels.length === count,
    'shape',
    () =>
      `${count} images of [${set.channels},${set.height},${set.width}] need ${count * imageSize(set)} pixels and ` +
      `${count} labels, not ${pixels.length} and ${labels.length}.`,
  );
  const bad = labels.findIndex((label) => !(label >= 0 && label < classes.length));
  check(
    bad < 0,
    'value',
    () =>
      `The label of image ${bad} is ${labels[bad]}, but there are ${classes.length} classes, 0 to ${classes.length - 1}.`,
  );
  return set;
}

/** The images and labels of two IDX files, grey. @throws LensletError `value` when a label is out of range */
export function fromIdx({ images, labels }: IdxPair, classes: readonly string[] = DIGITS): ImageSet {
  const [count, height, width] = images.shape as [number, number, number];
  return checkImageSet({
    count,
    channels: 1,
    height,
    width,
    pixels: images.data,
    labels: labels.data,
    classes,
  });
}

/** The images at `indices`, in that order; a copy. @throws LensletError `value` for an index out of range */
export function subset(set: ImageSet, indices: ArrayLike<number>): ImageSet {
  const size = imageSize(set);
  const count = indices.length;
  const pixels = new Uint8Array(count * size);
  const labels = new (set.labels instanceof Uint8Array ? Uint8Array : Int32Array)(count);
  for (let i = 0; i < count; i++) {
    const from = indices[i] as number;
    check(
      Number.isInteger(from) && from >= 0 && from < set.count,
      'value',
      () => `There is no image ${from} in a set of ${set.count}.`,
    );
    pixels.set(imageAt(set, from), i * size);
    labels[i] = set.labels[from] as number;
  }
  return { ...set, count, pixels, labels };
}

/** Images `start` … `end`−1 without a copy. @throws LensletError `value` when they are not in the set */
export function slice(set: ImageSet, start: number, end: number): ImageSet {
  check(
    Number.isInteger(start) && Number.isInteger(end) && 0 <= start && start <= end && end <= set.count,
    'value',
    () => `Images ${start} to ${end} are not in a set of ${set.count}.`,
  );
  const size = imageSize(set);
  return {
    ...set,
    count: end - start,
    pixels: set.pixels.subarray(start * size, end * size),
    labels: set.labels.subarray(start, end),
  };
}

/**
 * Two disjoint parts drawn at random, `second` images in the second (the validation set).
 * @throws LensletError `value` unless 0 ≤ second ≤ count
 */
export function split(set: ImageSet, second: number, random: Random): readonly [ImageSet, ImageSet] {
  check(
    Number.isInteger(second) && second >= 0 && second <= set.count,
    'value',
    () => `Cannot set aside ${second} of ${set.count} images.`,
  );
  const order = random.permutation(set.count);
  return [subset(set, order.subarray(second)), subset(set, order.subarray(0, second))];
}

/** All images of all sets, in order. @throws LensletError `shape` when image sizes or classes differ */
export function concat(sets: readonly [ImageSet, ...ImageSet[]]): ImageSet {
  const [first] = sets;
  for (const s of sets) {
    check(
      s.channels === first.channels && s.height === first.height && s.width === first.width,
      'shape',
      () =>
        `Images of [${s.channels},${s.height},${s.width}] cannot join images of ` +
        `[${first.channels},${first.height},${first.width}].`,
    );
    check(
      s.classes.length === first.classes.length && s.classes.every((c, i) => c === first.classes[i]),
      'shape',
      () => `Classes differ: ${s.classes.join(', ')} and ${first.classes.join(', ')}.`,
    );
  }
  const count = sets.reduce((n, s) => n + s.count, 0);
  const bytes = sets.every((s) => s.labels instanceof Uint8Array);
  const pixels = new Uint8Array(count * imageSize(first));
  const labels = new (bytes ? Uint8Array : Int32Array)(count);
  let at = 0;
  for (const s of sets) {
    pixels.set(s.pixels, at * imageSize(first));
    labels.set(s.labels, at);
    at += s.count;
  }
  return { ...first, count, pixels, labels };
}

/**
 * The images in the middle of a larger canvas (MNIST's 28×28 → LeNet-5's 32×32); an odd remainder goes to the
 * bottom and right. `background` is the grey level, 0 … 255, around them.
 * @throws LensletError `shape` when the canvas is smaller than the images
 */
export function fitCanvas(set: ImageSet, height: number, width: number, background = 0): ImageSet {
  check(
    height >= set.height && width >= set.width,
    'shape',
    () => `Images of ${set.height}×${set.width} do not fit a canvas of ${height}×${width}.`,
  );
  const top = (height - set.height) >> 1;
  const left = (width - set.width) >> 1;
  const planes = set.count * set.channels;
  const pixels = new Uint8Array(planes * height * width).fill(background);
  for (let p = 0; p < planes; p++) {
    for (let y = 0; y < set.height; y++) {
      const row = (p * set.height + y) * set.width;
      pixels.set(set.pixels.subarray(row, row + set.width), (p * height + top + y) * width + left);
    }
  }
  return { ...set, height, width, pixels };
}
