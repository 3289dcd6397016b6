import { expect, test } from 'vitest';
import { fromIdx, type ImageSet } from '../../src/data/dataset.ts';
import { readIdxPairs } from '../../src/io/idx.ts';
import { realFiles } from './real.ts';

const histogram = (set: ImageSet): number[] => {
  const counts = new Array<number>(10).fill(0);
  for (const label of set.labels) counts[label] = (counts[label] as number) + 1;
  return counts;
};

const mnist = realFiles('mnist');
test.runIf(mnist)('MNIST reads whole: 60,000 + 10,000', async () => {
  const { train, test } = await readIdxPairs(mnist ?? []);
  if (!train || !test) throw new Error('a part of MNIST is missing');
  const sets = [fromIdx(train), fromIdx(test)] as const;
  expect(sets.map((s) => [s.count, s.height, s.width])).toEqual([
    [60000, 28, 28],
    [10000, 28, 28],
  ]);
  expect(histogram(sets[1])).toEqual([980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]);
});

const usps = realFiles('usps');
test.runIf(usps)('USPS reads whole: 7,291 + 2,007', async () => {
  const { train, test } = await readIdxPairs(usps ?? []);
  if (!train || !test) throw new Error('a part of USPS is missing');
  expect([fromIdx(train), fromIdx(test)].map((s) => [s.count, s.height, s.width])).toEqual([
    [7291, 16, 16],
    [2007, 16, 16],
  ]);
});
