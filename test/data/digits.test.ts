import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { DIGITS, type ImageSet, imageAt, slice } from '../../src/data/dataset.ts';
import { syntheticDigits } from '../../src/data/digits.ts';
import { realDigits } from './real.ts';

const set = syntheticDigits({ count: 3000, seed: 11 });

test('image i is a pure function of (seed, i)', () => {
  const part = syntheticDigits({ count: 5, seed: 11, start: 1234 });
  expect(part.pixels).toEqual(set.pixels.subarray(1234 * 784, 1239 * 784));
  expect(part.labels).toEqual(set.labels.subarray(1234, 1239));
  expect(syntheticDigits({ count: 5, seed: 12, start: 1234 }).pixels).not.toEqual(part.pixels);
});

test('no image is there twice', () => {
  const hashes = new Set(
    Array.from({ length: set.count }, (_, i) => createHash('md5').update(imageAt(set, i)).digest('hex')),
  );
  expect(hashes.size).toBe(set.count);
});

test('all ten digits, equally likely', () => {
  expect(set.classes).toEqual(DIGITS);
  for (let d = 0; d < 10; d++) {
    const n = set.labels.filter((label) => label === d).length;
    expect(Math.abs(n - 300)).toBeLessThan(80);
  }
});

test('MNIST’s conventions: ink on 0 within 20×20, centre of mass in the middle, margins empty', () => {
  for (let i = 0; i < set.count; i++) {
    const image = imageAt(set, i);
    let [mass, mx, my, peak] = [0, 0, 0, 0];
    const rows = new Set<number>();
    const columns = new Set<number>();
    image.forEach((v, at) => {
      mass += v;
      mx += v * (at % 28);
      my += v * Math.floor(at / 28);
      peak = Math.max(peak, v);
      if (v <= 127) return;
      rows.add(Math.floor(at / 28));
      columns.add(at % 28);
    });
    expect(peak, `image ${i}`).toBeGreaterThan(150);
    expect(Math.abs(mx / mass - 13.5), `image ${i}`).toBeLessThan(0.75);
    expect(Math.abs(my / mass - 13.5), `image ${i}`).toBeLessThan(0.75);
    expect(rows.size, `image ${i}`).toBeLessThanOrEqual(22);
    expect(columns.size, `image ${i}`).toBeLessThanOrEqual(22);
  }
});

test('impossible counts are refused', () => {
  for (const count of [-1, 0.5, Number.NaN]) {
    expect(() => syntheticDigits({ count, seed: 0 })).toThrow(expect.objectContaining({ code: 'value' }));
  }
  expect(() => syntheticDigits({ count: 1, seed: 0, start: -1 })).toThrow('number -1');
});

/** Each image's sums over 2×2 pixels, 14·14 values an image. */
function pooled(images: ImageSet): Float32Array {
  const out = new Float32Array(images.count * 196);
  images.pixels.forEach((v, at) => {
    const to = Math.floor(at / 784) * 196 + ((Math.floor(at / 28) % 28) >> 1) * 14 + ((at % 28) >> 1);
    out[to] = (out[to] as number) + v;
  });
  return out;
}

/** Share of `tested` whose nearest image of `known` has the same label. */
function nearestNeighbour(tested: ImageSet, known: ImageSet): number {
  const a = pooled(tested);
  const b = pooled(known);
  let right = 0;
  for (let i = 0; i < tested.count; i++) {
    let best = Number.POSITIVE_INFINITY;
    let label = -1;
    for (let j = 0; j < known.count; j++) {
      let distance = 0;
      for (let k = 0; k < 196 && distance < best; k++) {
        distance += ((a[196 * i + k] as number) - (b[196 * j + k] as number)) ** 2;
      }
      if (distance < best) [best, label] = [distance, known.labels[j] as number];
    }
    if (label === tested.labels[i]) right++;
  }
  return right / tested.count;
}

test.runIf(realDigits)('real digits look like the synthetic ones of the same label', async () => {
  const real = await realDigits?.();
  if (!real) throw new Error('MNIST is there, but has no test part.');
  // Measured 0.86 on 1,000 images: the floor of a method that learns nothing, not the figure of a network.
  expect(nearestNeighbour(slice(real, 0, 200), syntheticDigits({ count: 6000, seed: 1 }))).toBeGreaterThan(
    0.8,
  );
});
