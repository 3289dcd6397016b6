/**
 * CIFAR-10's binary batches (A. Krizhevsky, https://www.cs.toronto.edu/~kriz/cifar.html, "Binary version"):
 * records of one label byte and 3×32×32 pixel bytes, red plane first.
 */
import { check, LensletError } from '../core/error.ts';
import type { NamedFile } from '../io/idx.ts';
import { concat, type ImageSet } from './dataset.ts';

export const CIFAR10_CLASSES: readonly string[] = [
  'airplane',
  'automobile',
  'bird',
  'cat',
  'deer',
  'dog',
  'frog',
  'horse',
  'ship',
  'truck',
];

const PIXELS = 3 * 32 * 32;
const RECORD = 1 + PIXELS;

/** Whether a file's name is that of a CIFAR-10 binary batch. */
export const isCifar10Name = (name: string): boolean =>
  /(^|[/\\])(data_batch_\d+|test_batch)\.bin$/.test(name);

/**
 * Parses one batch: images [N,3,32,32].
 * @throws LensletError `format` when the bytes are not whole records with labels 0 … 9
 */
export function parseCifar10(bytes: Uint8Array, name = 'The data'): ImageSet {
  const count = bytes.length / RECORD;
  check(
    count > 0 && Number.isInteger(count),
    'format',
    () =>
      `${name}: CIFAR-10 batches are whole records of ${RECORD} bytes, found ${bytes.length} bytes; ` +
      'the file is truncated or of another format.',
  );
  const pixels = new Uint8Array(count * PIXELS);
  const labels = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const label = bytes[i * RECORD] as number;
    if (label > 9) {
      throw new LensletError('format', `${name}: the label of record ${i} is ${label}, CIFAR-10 has 0 to 9.`);
    }
    labels[i] = label;
    pixels.set(bytes.subarray(i * RECORD + 1, (i + 1) * RECORD), i * PIXELS);
  }
  return { count, channels: 3, height: 32, width: 32, pixels, labels, classes: CIFAR10_CLASSES };
}

/**
 * The training and test sets among files named as CIFAR-10's batches are, batches in the order of their
 * numbers; other files are passed over, an absent part is null.
 * @throws LensletError `format` when no batch is there or one is broken
 */
export function readCifar10(files: readonly NamedFile[]): {
  readonly train: ImageSet | null;
  readonly test: ImageSet | null;
} {
  const batches = files.filter((f) => isCifar10Name(f.name));
  check(
    batches.length > 0,
    'format',
    () => 'No CIFAR-10 batches by name (data_batch_1.bin … data_batch_5.bin, test_batch.bin).',
  );
  const number = (f: NamedFile): number => Number(/(\d+)\.bin$/.exec(f.name)?.[1]);
  const read = (part: readonly NamedFile[]): ImageSet | null => {
    const [first, ...rest] = part.map((f) => parseCifar10(f.bytes, f.name));
    return first ? concat([first, ...rest]) : null;
  };
  return {
    train: read(
      batches.filter((f) => !f.name.endsWith('test_batch.bin')).sort((a, b) => number(a) - number(b)),
    ),
    test: read(batches.filter((f) => f.name.endsWith('test_batch.bin'))),
  };
}
