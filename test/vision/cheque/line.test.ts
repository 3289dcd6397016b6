import { expect, test } from 'vitest';
import { syntheticAmount } from '../../../src/data/cheques/amount.ts';
import { cleanLine } from '../../../src/vision/cheque/line.ts';
import type { GreyImage } from '../../../src/vision/grey.ts';

const dark = ({ width, data }: GreyImage, keep: (x: number, y: number) => boolean): number =>
  data.reduce((n, v, i) => n + (v < 128 && keep(i % width, Math.floor(i / width)) ? 1 : 0), 0);

/** A white line with a frame, a divider, something left of it and a stroke that crosses the frame's bottom. */
function drawn(print = 40, tall = 0): GreyImage {
  const [width, height] = [400, 96];
  const data = new Uint8Array(width * height).fill(210);
  const fill = (x0: number, y0: number, x1: number, y1: number, tone = print): void => {
    for (let y = y0; y < y1; y++) data.fill(tone, y * width + x0, y * width + x1);
  };
  fill(10, 12, 390, 14);
  fill(10, 74, 390, 76);
  for (const x of [10, 80, 388]) fill(x, 12, x + 2, 76);
  fill(30, 30, 50, 36, 40);
  fill(200, 40, 205, 90, 40);
  if (tall) fill(tall, 17, tall + 4, 71, 40);
  return { width, height, data };
}

test.each([40, 160])(
  'frame and divider (%i) and what is left of it go, a crossing stroke stays whole',
  (print) => {
    const clean = cleanLine(drawn(print), { x0: 10, y0: 12, x1: 390, y1: 76 });
    const stroke = (x: number, y: number): boolean => x >= 200 && x < 205 && y >= 40 && y < 90;
    expect(dark(clean, stroke)).toBe(5 * 50);
    expect(dark(clean, (x, y) => !stroke(x, y))).toBeLessThan(20);
  },
);

test.each([60, 110])('a tall one at %i is no divider: it ends below the top of the frame', (at) => {
  const clean = cleanLine(drawn(40, at), { x0: 10, y0: 12, x1: 390, y1: 76 });
  const one = (x: number, y: number): boolean => x >= at && x < at + 4 && y >= 17 && y < 71;
  // What stands left of the divider at 80 is the currency's sign.
  expect(dark(clean, one)).toBe(at > 80 ? 4 * 54 : 0);
});

test('without a frame long rules go, upright strokes stay', () => {
  const clean = cleanLine(drawn());
  expect(dark(clean, (x, y) => y < 15 && x > 90 && x < 380)).toBe(0);
  expect(dark(clean, (x, y) => x >= 80 && x < 82 && y > 20 && y < 70)).toBeGreaterThan(80);
});

test('paper becomes white, digits stay: synthetic lines', () => {
  let white = 0;
  for (let i = 0; i < 24; i++) {
    const { image, boxes, frame } = syntheticAmount(4, i, { writer: 1 });
    const clean = cleanLine(image, frame);
    white += clean.data.reduce((n, v) => n + (v === 255 ? 1 : 0), 0) / clean.data.length;
    const lost = boxes.filter(
      (b) => dark(clean, (x, y) => x >= b.x0 - 1 && x <= b.x1 + 1 && y >= b.y0 && y <= b.y1) === 0,
    );
    expect(lost.length, `line ${i}`).toBeLessThanOrEqual(1);
  }
  // Ink and its soft edges cover up to half of a tight cut, less of most lines.
  expect(white / 24).toBeGreaterThan(0.6);
});

test('a blank line stays blank', () => {
  const blank = { width: 50, height: 20, data: new Uint8Array(1000).fill(180) };
  expect(cleanLine(blank).data.every((v) => v === 255)).toBe(true);
});
