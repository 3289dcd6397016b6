import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  compose,
  homography,
  inverse,
  mapPoint,
  mapQuad,
  type Quad,
  quadOf,
  warp,
} from '../../src/core/homography.ts';

const near = fc.double({ min: -20, max: 20, noNaN: true });
/** Convex: a square's corners moved by less than a quarter of its side. */
const quads = fc
  .tuple(near, near, near, near, near, near, near, near)
  .map(
    (d) =>
      quadOf(100, 100).map((p, i) => ({ x: p.x + d[2 * i]!, y: p.y + d[2 * i + 1]! })) as unknown as Quad,
  );

test('corners go to corners, and back by the inverse', () => {
  fc.assert(
    fc.property(quads, quads, (from, to) => {
      const h = homography(from, to);
      mapQuad(h, from).forEach((p, i) => {
        expect(p.x).toBeCloseTo(to[i]!.x, 6);
        expect(p.y).toBeCloseTo(to[i]!.y, 6);
      });
      const p = { x: 40, y: 60 };
      const back = mapPoint(compose(inverse(h), h), p);
      expect(back.x).toBeCloseTo(p.x, 6);
      expect(back.y).toBeCloseTo(p.y, 6);
    }),
  );
});

test('corners on a line are refused', () => {
  const line = [0, 1, 2, 3].map((x) => ({ x, y: x })) as unknown as Quad;
  expect(() => homography(line, quadOf(1, 1))).toThrow('lie on a line');
});

test('warping: identity, whole-pixel shifts, and what lies outside', () => {
  const image = { width: 3, height: 2, data: Uint8Array.of(10, 20, 30, 40, 50, 60) };
  expect(warp(image, homography(quadOf(3, 2), quadOf(3, 2)), 3, 2).data).toEqual(image.data);
  const shift = homography(quadOf(3, 2), quadOf(3, 2, 1, 0));
  expect([...warp(image, shift, 3, 2).data]).toEqual([20, 30, 30, 50, 60, 60]);
  expect([...warp(image, shift, 3, 2, 7).data]).toEqual([20, 30, 7, 50, 60, 7]);
  expect([...warp(image, homography(quadOf(2, 1), quadOf(2, 1, 0.5, 0.5)), 2, 1).data]).toEqual([30, 40]);
});
