import { expect, test } from 'vitest';
import { mapQuad, quadOf } from '../../../src/core/homography.ts';
import { syntheticCheque } from '../../../src/data/cheques/cheque.ts';
import { photograph } from '../../../src/data/cheques/photograph.ts';
import { findAmount, findAmounts } from '../../../src/vision/cheque/find.ts';
import { findOutline } from '../../../src/vision/cheque/outline.ts';
import type { Box, GreyImage } from '../../../src/vision/grey.ts';
import { boundsOf, iou } from './iou.ts';

const COUNT = 12;
const cheques = Array.from({ length: COUNT }, (_, i) => syntheticCheque(1, i, { width: 1000 }));
const found = (image: GreyImage, box: Box): boolean => {
  const amount = findAmount(image);
  return amount !== null && iou(boundsOf(amount.frame), box) >= 0.5;
};

test('scans: the whole picture is the cheque, the amount is found', () => {
  expect(cheques.filter(({ image }) => findOutline(image) === null).length).toBe(COUNT);
  expect(cheques.filter(({ image, box }) => found(image, box)).length).toBeGreaterThanOrEqual(COUNT - 1);
});

test('photographs: the outline to a hundredth of the width, the amount in most', () => {
  let outlines = 0;
  let amounts = 0;
  cheques.forEach(({ image, box }, i) => {
    const photo = photograph(image, 1, i);
    const outline = findOutline(photo.image);
    const off = outline
      ? Math.max(...photo.quad.map((p, k) => Math.hypot(p.x - outline.quad[k]!.x, p.y - outline.quad[k]!.y)))
      : Infinity;
    if (off < 0.01 * photo.image.width) outlines++;
    const place = mapQuad(photo.toPhoto, quadOf(box.x1 - box.x0, box.y1 - box.y0, box.x0, box.y0));
    if (found(photo.image, boundsOf(place))) amounts++;
  });
  expect(outlines).toBeGreaterThanOrEqual(9);
  expect(amounts).toBeGreaterThanOrEqual(6);
});

test('a cheque whose outline hardly stands out is found where it is looked for thoroughly', () => {
  for (const [seed, i] of [
    [2, 45],
    [4, 2],
    [4, 11],
    [4, 47],
    [5, 32],
  ] as const) {
    const { image, box } = cheques[i % COUNT]!;
    const photo = photograph(image, seed, i);
    expect(findAmounts(photo.image)).toEqual([]);
    const [amount] = findAmounts(photo.image, true);
    const place = mapQuad(photo.toPhoto, quadOf(box.x1 - box.x0, box.y1 - box.y0, box.x0, box.y0));
    expect(iou(boundsOf(amount!.frame), boundsOf(place))).toBeGreaterThan(0.8);
  }
});

test('upside down', () => {
  const { image, box } = cheques[0]!;
  const turned = { ...image, data: Uint8Array.from(image.data).reverse() };
  const [w, h] = [image.width, image.height];
  const place = { x0: w - box.x1, y0: h - box.y1, x1: w - box.x0, y1: h - box.y0 };
  const amount = findAmount(turned)!;
  expect(iou(boundsOf(amount.frame), place)).toBeGreaterThan(0.8);
  expect(amount.cheque[0]).toEqual({ x: w, y: h });
});

test('a line is what stands in the frame, straightened', () => {
  const { image, box } = cheques[0]!;
  const amount = findAmount(image)!;
  const { line, lineFrame, toImage } = amount;
  expect(line.data.length).toBe(line.width * line.height);
  const { x0, y0, x1, y1 } = lineFrame;
  expect(iou(boundsOf(mapQuad(toImage, quadOf(x1 - x0, y1 - y0, x0, y0))), box)).toBeGreaterThan(0.8);
});

test('no cheque: nothing found, nothing thrown; no picture: refused', () => {
  for (const [width, height] of [
    [640, 480],
    [1, 1],
    [3, 900],
  ] as const) {
    const plain = { width, height, data: new Uint8Array(width * height).fill(200) };
    expect(findAmount(plain)).toBeNull();
  }
  const noise = {
    width: 400,
    height: 300,
    data: Uint8Array.from({ length: 120000 }, (_, i) => (i * 7919) & 255),
  };
  expect(() => findAmount(noise)).not.toThrow();
  expect(() => findAmount({ width: 0, height: 0, data: new Uint8Array(0) })).toThrow('empty');
});
