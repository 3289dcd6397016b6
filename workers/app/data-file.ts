/** A data set as one file: a line of JSON, then labels and pixels of the training and validation images. */
import { check, LensletError } from '../../src/core/error.ts';
import { checkImageSet, type ImageSet, imageSize } from '../../src/data/dataset.ts';

/** Images to train on, and those set apart to measure with. */
export interface DataParts {
  readonly train: ImageSet;
  readonly validation: ImageSet | null;
}

interface Header {
  readonly counts: readonly [train: number, validation: number];
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly classes: readonly string[];
}

const bytesOf = (data: Uint8Array): Uint8Array<ArrayBuffer> => data as Uint8Array<ArrayBuffer>;

/** Labels as 16-bit numbers. */
function labelBytes({ labels }: ImageSet): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Uint16Array.from(labels).buffer);
}

/** The parts of the file, to be written one after the other. */
export function encodeData({ train, validation }: DataParts): Uint8Array<ArrayBuffer>[] {
  const { channels, height, width, classes } = train;
  const header: Header = { counts: [train.count, validation?.count ?? 0], channels, height, width, classes };
  const sets = validation ? [train, validation] : [train];
  return [
    new TextEncoder().encode(`${JSON.stringify(header)}\n`),
    ...sets.flatMap((set) => [labelBytes(set), bytesOf(set.pixels)]),
  ];
}

/** @throws LensletError 'format' for a file that is cut short or none of ours */
export function decodeData(bytes: Uint8Array<ArrayBuffer>): DataParts {
  const end = bytes.indexOf(10);
  let header: Header;
  try {
    header = JSON.parse(new TextDecoder().decode(bytes.subarray(0, end))) as Header;
  } catch (cause) {
    throw new LensletError('format', 'The stored data set is damaged; add its files again.', { cause });
  }
  const { counts, ...kind } = header;
  let at = end + 1;
  const take = (length: number): Uint8Array => {
    check(
      at + length <= bytes.length,
      'format',
      () => 'The stored data set is cut short; add its files again.',
    );
    at += length;
    return bytes.subarray(at - length, at);
  };
  const [train, validation] = counts.map((count) => {
    const labels = Int32Array.from(new Uint16Array(take(2 * count).slice().buffer));
    const set = { ...kind, count, labels, pixels: new Uint8Array() };
    return checkImageSet({ ...set, pixels: take(count * imageSize(set)) });
  }) as [ImageSet, ImageSet];
  return { train, validation: validation.count > 0 ? validation : null };
}
