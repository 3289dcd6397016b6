import { describe, expect, test } from 'vitest';
import { LensletError } from '../../src/core/error.ts';
import { affine } from '../../src/data/augment.ts';
import { type Batch, batches, standardize } from '../../src/data/batches.ts';
import type { ImageSet } from '../../src/data/dataset.ts';

/** n images of [2,2,2]; pixels of image i are 8·i … 8·i+7, its label i. */
const numbered = (n: number): ImageSet => ({
  count: n,
  channels: 2,
  height: 2,
  width: 2,
  pixels: Uint8Array.from({ length: 8 * n }, (_, i) => i),
  labels: Int32Array.from({ length: n }, (_, i) => i),
  classes: Array.from({ length: n }, String),
});

const plain = { scale: 1, offset: 0 };
const copy = ({ x, labels }: Batch) => ({ shape: x.shape, x: [...x.data], labels: [...labels.data] });
const labelsOf = (all: Iterable<Batch>): number[] => Array.from(all, (b) => [...b.labels.data]).flat();

test('in order: types, shapes, the short last batch', () => {
  const all = batches(numbered(5), { batch: 2, normalize: plain });
  expect([all.count, all.shape]).toEqual([3, [2, 2, 2]]);
  expect(all.at(0).x.dtype).toBe('f32');
  expect(all.at(0).labels.dtype).toBe('i32');
  expect(copy(all.at(0))).toEqual({
    shape: [2, 2, 2, 2],
    x: Array.from({ length: 16 }, (_, i) => i),
    labels: [0, 1],
  });
  expect(copy(all.at(2))).toEqual({
    shape: [1, 2, 2, 2],
    x: Array.from({ length: 8 }, (_, i) => 32 + i),
    labels: [4],
  });
  expect(all.at(2).labels.shape).toEqual([1]);
  expect(labelsOf(batches(numbered(5), { batch: 2, normalize: plain, dropLast: true }))).toEqual([
    0, 1, 2, 3,
  ]);
  expect(labelsOf(batches(numbered(5), { batch: 99, normalize: plain }))).toEqual([0, 1, 2, 3, 4]);
  expect(batches(numbered(0), { batch: 4, normalize: plain }).count).toBe(0);
});

test('normalisation and padding by channel', () => {
  const all = batches(numbered(1), {
    batch: 1,
    normalize: { scale: [2, 10], offset: [-1, 0.5] },
    pad: { top: 1, left: 0, bottom: 0, right: 1, value: 3 },
  });
  expect(all.shape).toEqual([2, 3, 3]);
  expect([...all.at(0).x.data]).toEqual([
    ...[5, 5, 5, -1, 1, 5, 3, 5, 5],
    ...[30.5, 30.5, 30.5, 40.5, 50.5, 30.5, 60.5, 70.5, 30.5],
  ]);
});

test('standardize: mean 0 and deviation 1', () => {
  const { scale, offset } = standardize([0.5, 0.25], [0.5, 0.1]) as { scale: number[]; offset: number[] };
  expect((scale[0] as number) * 255 + (offset[0] as number)).toBeCloseTo(1, 12);
  expect((scale[1] as number) * 255 * 0.35 + (offset[1] as number)).toBeCloseTo(1, 12);
});

describe('shuffled and augmented', () => {
  const set = numbered(23);
  const options = {
    batch: 4,
    normalize: plain,
    seed: 5,
    shuffle: true,
    augment: affine({ degrees: 40, translate: 1 }),
  };

  test('every image once, another order each epoch and seed', () => {
    const orders = [
      [5, 0],
      [5, 1],
      [6, 0],
    ].map(([seed, epoch]) => labelsOf(batches(set, { ...options, seed, epoch })));
    for (const order of orders) expect(order.toSorted((a, b) => a - b)).toEqual([...set.labels]);
    expect(new Set(orders.map(String)).size).toBe(3);
  });

  test('any batch can be made first: resumed runs see the same bits', () => {
    const whole = Array.from(batches(set, { ...options, epoch: 2 }), copy);
    for (const i of [5, 2, 3]) expect(copy(batches(set, { ...options, epoch: 2 }).at(i))).toEqual(whole[i]);
    const backwards = batches(set, { ...options, epoch: 2 });
    for (let i = backwards.count - 1; i >= 0; i--) expect(copy(backwards.at(i))).toEqual(whole[i]);
  });

  test('an image is augmented alike whatever the batch size, and anew each epoch', () => {
    const imagesOf = (batch: number, epoch: number) => {
      const images = new Map<number, string>();
      for (const { x, labels } of batches(set, { ...options, batch, epoch })) {
        labels.data.forEach((label, b) => {
          images.set(label, String(x.data.subarray(8 * b, 8 * b + 8)));
        });
      }
      return images;
    };
    expect(imagesOf(4, 0)).toEqual(imagesOf(7, 0));
    expect(imagesOf(4, 0)).not.toEqual(imagesOf(4, 1));
  });
});

test.each([
  ['NaN scale', { normalize: { scale: Number.NaN, offset: 0 } }],
  ['infinite offset', { normalize: { scale: 1, offset: Number.POSITIVE_INFINITY } }],
  ['overflow of f32', { normalize: { scale: 1e38, offset: 0 } }],
  ['too few channels', { normalize: { scale: [1], offset: 0 } }],
  ['deviation 0', { normalize: standardize([0, 0], [1, 0]) }],
  ['no images a batch', { batch: 0 }],
  ['half an image a batch', { batch: 1.5 }],
  ['negative padding', { pad: { top: -1, left: 0, bottom: 0, right: 0, value: 0 } }],
  ['padding of NaN', { pad: { top: 1, left: 0, bottom: 0, right: 0, value: Number.NaN } }],
])('%s is refused', (_, options) => {
  const make = () => batches(numbered(3), { batch: 2, normalize: plain, ...options });
  expect(make).toThrow(expect.objectContaining({ name: 'LensletError', code: 'value' }));
});

test('batches that do not exist and labels out of range are refused', () => {
  const all = batches(numbered(3), { batch: 2, normalize: plain });
  for (const i of [-1, 2, 0.5]) expect(() => all.at(i)).toThrow(`no batch ${i}`);
  const labels = new Int32Array([0, 3, 1]);
  expect(() => batches({ ...numbered(3), labels }, { batch: 2, normalize: plain })).toThrow(LensletError);
});
