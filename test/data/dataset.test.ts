import { describe, expect, test } from 'vitest';
import { Random } from '../../src/core/random.ts';
import {
  checkImageSet,
  concat,
  DIGITS,
  fitCanvas,
  fromIdx,
  type ImageSet,
  imageAt,
  slice,
  split,
  subset,
} from '../../src/data/dataset.ts';

/** n images of [channels,2,3]; every pixel of image i is i, its label i mod 10. */
function numbered(n: number, channels = 1): ImageSet {
  const size = channels * 6;
  return {
    count: n,
    channels,
    height: 2,
    width: 3,
    pixels: Uint8Array.from({ length: n * size }, (_, i) => i / size),
    labels: Uint8Array.from({ length: n }, (_, i) => i % 10),
    classes: DIGITS,
  };
}

const numbersOf = (set: ImageSet): number[] =>
  Array.from({ length: set.count }, (_, i) => {
    const values = new Set(imageAt(set, i));
    expect(values.size).toBe(1);
    const [value] = values as unknown as Iterable<number>;
    expect(set.labels[i]).toBe((value as number) % 10);
    return value as number;
  });

test('fromIdx', () => {
  const images = { shape: [2, 1, 2], data: new Uint8Array([1, 2, 3, 4]) };
  const set = fromIdx({ images, labels: { shape: [2], data: new Uint8Array([9, 0]) } });
  expect(set).toMatchObject({ count: 2, channels: 1, height: 1, width: 2 });
  expect([...imageAt(set, 1)]).toEqual([3, 4]);
  const labels = { shape: [2], data: new Uint8Array([9, 10]) };
  expect(() => fromIdx({ images, labels })).toThrow('label of image 1 is 10');
});

describe('checkImageSet', () => {
  test('refuses sizes that disagree', () => {
    expect(() => checkImageSet({ ...numbered(3), pixels: new Uint8Array(17) })).toThrow('18 pixels');
    expect(() => checkImageSet({ ...numbered(3), labels: new Uint8Array(2) })).toThrow('3 labels');
  });
  test('refuses labels below 0', () => {
    expect(() => checkImageSet({ ...numbered(2), labels: new Int32Array([0, -1]) })).toThrow('is -1');
  });
});

test('subset', () => {
  const set = numbered(12, 3);
  expect(numbersOf(subset(set, [11, 0, 0, 5]))).toEqual([11, 0, 0, 5]);
  expect(subset(set, []).count).toBe(0);
  for (const bad of [-1, 12, 0.5]) expect(() => subset(set, [bad])).toThrow(`no image ${bad}`);
});

test('slice', () => {
  expect(numbersOf(slice(numbered(12), 3, 6))).toEqual([3, 4, 5]);
  expect(slice(numbered(12), 4, 4).count).toBe(0);
  for (const [from, to] of [
    [-1, 3],
    [3, 2],
    [3, 13],
  ] as const) {
    expect(() => slice(numbered(12), from, to)).toThrow('not in a set of 12');
  }
});

test('split: disjoint, complete, the same for the same key', () => {
  const set = numbered(50);
  const [train, validation] = split(set, 12, new Random(3));
  expect([train.count, validation.count]).toEqual([38, 12]);
  const all = [...numbersOf(train), ...numbersOf(validation)];
  expect(all.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i));
  expect(numbersOf(split(set, 12, new Random(3))[1])).toEqual(numbersOf(validation));
  expect(numbersOf(split(set, 12, new Random(4))[1])).not.toEqual(numbersOf(validation));
  expect(() => split(set, 51, new Random(0))).toThrow('51 of 50');
});

test('concat', () => {
  const set = numbered(12);
  const joined = concat([slice(set, 9, 12), slice(set, 0, 2)]);
  expect(numbersOf(joined)).toEqual([9, 10, 11, 0, 1]);
  expect(joined.labels).toBeInstanceOf(Uint8Array);
  const wide = { ...set, labels: Int32Array.from(set.labels) };
  expect(concat([set, wide]).labels).toBeInstanceOf(Int32Array);
  expect(() => concat([set, numbered(1, 3)])).toThrow('[3,2,3] cannot join');
  expect(() => concat([set, { ...set, classes: ['a'] }])).toThrow('Classes differ');
});

test('fitCanvas centres every channel', () => {
  const set = { ...numbered(1, 2), pixels: Uint8Array.from({ length: 12 }, (_, i) => i + 1) };
  const { pixels, height, width } = fitCanvas(set, 3, 5, 9);
  expect([height, width]).toEqual([3, 5]);
  expect([...pixels]).toEqual([
    ...[9, 1, 2, 3, 9],
    ...[9, 4, 5, 6, 9],
    ...[9, 9, 9, 9, 9],
    ...[9, 7, 8, 9, 9],
    ...[9, 10, 11, 12, 9],
    ...[9, 9, 9, 9, 9],
  ]);
  expect(() => fitCanvas(set, 1, 5)).toThrow('do not fit');
});
