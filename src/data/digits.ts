/**
 * Handwritten-looking digits made by a procedure, so that training needs no download: stroke skeletons of the
 * usual ways to write each digit, varied as hands vary, normalised as MNIST is (Y. LeCun, C. Cortes,
 * C. Burges: 20×20 box, centre of mass in the middle of 28×28, ink 255 on 0).
 */
import { check } from '../core/error.ts';
import { Random } from '../core/random.ts';
import { DIGITS, type ImageSet } from './dataset.ts';
import { newDesk, SIZE, writeDigit } from './digits/writer.ts';

export interface SyntheticOptions {
  readonly count: number;
  readonly seed: number;
  /** Index of the first image. */
  readonly start?: number;
}

/**
 * Images `start` … `start + count − 1` of the endless sequence `seed`; the digits are equally likely. Image i is
 * a pure function of (seed, i), on one JavaScript engine to the last bit.
 * @throws LensletError `value` when count or start is not a whole number ≥ 0
 */
export function syntheticDigits({ count, seed, start = 0 }: SyntheticOptions): ImageSet {
  check(
    [count, start].every((n) => Number.isSafeInteger(n) && n >= 0),
    'value',
    () => `Cannot make ${count} digits from number ${start}: both must be whole numbers, 0 or more.`,
  );
  const pixels = new Uint8Array(count * SIZE * SIZE);
  const labels = new Uint8Array(count);
  const desk = newDesk();
  const sequence = new Random(seed).at('digits');
  for (let i = 0; i < count; i++) {
    const random = sequence.at(start + i);
    const digit = random.below(10);
    labels[i] = digit;
    writeDigit(desk, digit, random, pixels.subarray(i * SIZE * SIZE, (i + 1) * SIZE * SIZE));
  }
  return { count, channels: 1, height: SIZE, width: SIZE, pixels, labels, classes: DIGITS };
}
