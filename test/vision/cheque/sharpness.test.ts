import { expect, test } from 'vitest';
import { sharpness } from '../../../src/vision/cheque/sharpness.ts';
import type { GreyImage } from '../../../src/vision/grey.ts';

/** Upright bars of ink whose edges are `edge` pixels wide. */
function bars(edge: number): GreyImage {
  const [width, height] = [240, 40];
  const row = Uint8Array.from({ length: width }, (_, x) => {
    const inBar = Math.min(Math.max((x % 40) / edge, 0), Math.max(0, 20 + edge - (x % 40)) / edge, 1);
    return Math.round(230 - 180 * inBar);
  });
  const data = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) data.set(row, y * width);
  return { width, height, data };
}

test('edges of one pixel are sharp, edges of n pixels have the n-th part of it', () => {
  expect(sharpness(bars(1))).toBeGreaterThan(0.95);
  for (const n of [2, 4, 8]) expect(sharpness(bars(n))).toBeCloseTo(1 / n, 1);
});

test('contrast does not matter, paper alone is not sharp', () => {
  const image = bars(3);
  const pale = { ...image, data: image.data.map((v) => 128 + v / 4) };
  expect(sharpness(pale)).toBeCloseTo(sharpness(image), 1);
  expect(sharpness({ width: 4, height: 2, data: new Uint8Array(8).fill(200) })).toBe(0);
});

test('an empty picture is refused', () => {
  expect(() => sharpness({ width: 0, height: 0, data: new Uint8Array() })).toThrow(/empty/);
});
