import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LensletError } from '../../src/core/error.ts';
import { isIdxName, parseIdx, readIdx, readIdxPairs } from '../../src/io/idx.ts';

function idx(shape: readonly number[], data: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array(4 + 4 * shape.length + data.length);
  bytes.set([0, 0, 8, shape.length]);
  const view = new DataView(bytes.buffer);
  shape.forEach((d, i) => {
    view.setUint32(4 + 4 * i, d);
  });
  bytes.set(data, 4 + 4 * shape.length);
  return bytes;
}

const images = idx([2, 2, 3], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
const labels = idx([2], [7, 3]);

describe('parseIdx', () => {
  test('shape and data, also at an odd offset of a buffer', () => {
    const shifted = new Uint8Array(images.length + 1);
    shifted.set(images, 1);
    for (const bytes of [images, shifted.subarray(1)]) {
      const { shape, data } = parseIdx(bytes);
      expect(shape).toEqual([2, 2, 3]);
      expect([...data]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    }
  });

  test.each([
    ['no bytes', new Uint8Array(), 'no bytes'],
    ['another format', new Uint8Array([0x89, 0x50, 0x4e, 0x47, 1]), '89 50 4e 47'],
    ['floats', new Uint8Array([0, 0, 13, 1, 0, 0, 0, 0]), 'float'],
    ['an unknown type', new Uint8Array([0, 0, 1, 1, 0, 0, 0, 0]), '0x1'],
    ['no dimensions', new Uint8Array([0, 0, 8, 0]), 'no dimensions'],
    ['half a header', images.subarray(0, 10), '16 bytes, the file has 10'],
    ['missing data', images.subarray(0, 20), 'holds 12 bytes, but 4 follow'],
    ['too much data', idx([1], [1, 2]), 'holds 1 bytes, but 2 follow'],
    ['a huge declared size', idx([0xffffffff, 0xffffffff, 0xffffffff], [1]), 'but 1 follow'],
    ['sizes beyond all numbers', idx([...new Array(255).fill(0xffffffff), 0].slice(1), []), 'but 0 follow'],
  ])('%s: error', (_, bytes, message) => {
    expect(() => parseIdx(bytes, 'f.idx')).toThrow(message);
    expect(() => parseIdx(bytes, 'f.idx')).toThrow(LensletError);
  });

  test('any damage gives a format error or a consistent result', () => {
    const damage = fc.array(fc.tuple(fc.nat(images.length - 1), fc.nat(255)), { maxLength: 4 });
    fc.assert(
      fc.property(damage, fc.nat(images.length), (changes, length) => {
        const bytes = images.slice();
        for (const [at, value] of changes) bytes[at] = value;
        try {
          const { shape, data } = parseIdx(bytes.subarray(0, length));
          expect(shape.reduce((a, b) => a * b, 1)).toBe(data.length);
        } catch (error) {
          expect(error).toMatchObject({ name: 'LensletError', code: 'format' });
        }
      }),
      { numRuns: 5000 },
    );
  });
});

test('readIdx takes plain and gzip, and names the file in errors', async () => {
  expect((await readIdx(images)).shape).toEqual([2, 2, 3]);
  expect((await readIdx(gzipSync(images))).shape).toEqual([2, 2, 3]);
  await expect(readIdx(gzipSync(images).subarray(0, 20), 'a.gz')).rejects.toThrow(/^a\.gz: .*truncated/);
});

test('isIdxName', () => {
  for (const name of [
    'train-images-idx3-ubyte',
    'd/t10k-labels.idx1-ubyte.gz',
    'C:\\usps-test-images-idx3-ubyte',
    'emnist-digits-train-labels-idx1-ubyte.gz',
  ]) {
    expect(isIdxName(name), name).toBe(true);
  }
  for (const name of ['README.md', 'train-images/x.txt', 'images-idx3-ubyte', 'train-idx1-ubyte']) {
    expect(isIdxName(name), name).toBe(false);
  }
});

describe('readIdxPairs', () => {
  const file = (name: string, bytes: Uint8Array) => ({ name, bytes });
  const trainImages = file('train-images-idx3-ubyte', images);
  const trainLabels = file('train-labels-idx1-ubyte.gz', gzipSync(labels));
  const testImages = file('usps-test-images-idx3-ubyte', images);
  const testLabels = file('t10k-labels-idx1-ubyte', labels);

  test('finds the parts in any order among other files', async () => {
    const all = [testLabels, trainImages, file('notes.txt', images), testImages, trainLabels];
    const { train, test } = await readIdxPairs(all);
    for (const part of [train, test]) {
      expect(part?.images.shape).toEqual([2, 2, 3]);
      expect([...(part?.labels.data ?? [])]).toEqual([7, 3]);
    }
    expect((await readIdxPairs([trainLabels, trainImages])).test).toBeNull();
  });

  test.each([
    ['nothing', [], 'No IDX files'],
    ['only other files', [file('cat.png', images)], 'among cat.png'],
    ['no labels', [trainImages], 'the file of its labels is not'],
    ['no images', [testLabels], 'the file of its images is not'],
    [
      'two for one place',
      [trainImages, trainLabels, { ...trainImages, name: `x/${trainImages.name}` }],
      'Both',
    ],
    ['counts differ', [trainImages, { ...trainLabels, bytes: idx([3], [1, 2, 3]) }], '2 images'],
    [
      'no images in the file',
      [
        { ...trainImages, bytes: idx([0, 2, 3], []) },
        { ...trainLabels, bytes: idx([0], []) },
      ],
      'holds no images: its shape is [0,2,3]',
    ],
    ['images of no size', [{ ...trainImages, bytes: idx([2, 0, 3], []) }, trainLabels], 'holds no images'],
    ['labels as images', [{ ...trainImages, bytes: labels }, trainLabels], 'expected images [N,H,W]'],
    ['images as labels', [trainImages, { ...trainLabels, bytes: images }], 'expected labels [N]'],
    [
      'a broken file',
      [trainImages, { ...trainLabels, bytes: labels.subarray(0, 9) }],
      'train-labels-idx1-ubyte.gz: ',
    ],
  ])('%s: error', async (_, files, message) => {
    await expect(readIdxPairs(files)).rejects.toThrow(message);
    await expect(readIdxPairs(files)).rejects.toMatchObject({ name: 'LensletError', code: 'format' });
  });
});
