import { expect, test } from 'vitest';
import { Random } from '../../../src/core/random.ts';
import { syntheticAmount } from '../../../src/data/cheques/amount.ts';
import { drawHand, isWritable, writeLine } from '../../../src/data/cheques/hand.ts';
import { AMOUNT_STYLES, groupDigits } from '../../../src/data/cheques/text.ts';

const lines = Array.from({ length: 120 }, (_, i) => syntheticAmount(7, i));

test('line i is a pure function of (seed, i, options)', () => {
  expect(syntheticAmount(7, 50)).toEqual(lines[50]);
  expect(syntheticAmount(8, 50).image).not.toEqual(lines[50]!.image);
  expect(syntheticAmount(7, 50, { style: 'indian' }).style).toBe('indian');
});

test('digits are those of the text, in order', () => {
  for (const { text, digits, boxes } of lines) {
    expect(text.replace(/\D/g, '')).toBe(digits);
    expect([...text].every(isWritable)).toBe(true);
    expect(boxes.map((b) => b.digit).join('')).toBe(digits);
  }
  for (const style of AMOUNT_STYLES)
    expect(lines.filter((l) => l.style === style).length).toBeGreaterThan(15);
});

test('pictures are lines with dark ink on lighter paper, where the boxes say', () => {
  for (const { image, boxes } of lines) {
    expect(image.data.length).toBe(image.width * image.height);
    expect(image.width).toBeLessThan(1200);
    const mean = (x0: number, y0: number, x1: number, y1: number): { mean: number; darkest: number } => {
      let [sum, count, darkest] = [0, 0, 255];
      for (let y = Math.max(0, Math.floor(y0)); y < Math.min(image.height, y1); y++) {
        for (let x = Math.max(0, Math.floor(x0)); x < Math.min(image.width, x1); x++) {
          const v = image.data[y * image.width + x]!;
          sum += v;
          count++;
          darkest = Math.min(darkest, v);
        }
      }
      return { mean: sum / count, darkest };
    };
    const whole = mean(0, 0, image.width, image.height).mean;
    for (const b of boxes) {
      expect(b.x0).toBeGreaterThan(-0.1 * image.height);
      expect(b.x1).toBeLessThan(image.width + 0.1 * image.height);
      expect(mean(b.x0 - 1, b.y0 - 1, b.x1 + 1, b.y1 + 1).darkest).toBeLessThan(whole - 15);
    }
  }
});

test('a writer has a hand of their own; what is written does not depend on it', () => {
  const [a, b] = [3, 4].map((writer) => syntheticAmount(7, 0, { writer, cut: 'tight' }));
  expect(a!.text).toBe(b!.text);
  expect(a!.image).not.toEqual(b!.image);
});

test('zeros in a row are linked in a third of hands, each zero in its own place', () => {
  const chained = Array.from({ length: 60 }, (_, i) => drawHand(new Random(5).at(i))).filter((h) => h.chain);
  expect(chained.length).toBeGreaterThan(10);
  expect(chained.length).toBeLessThan(35);
  for (const [i, hand] of chained.entries()) {
    const { boxes, trace, width } = writeLine('1,00,000/-', hand, new Random(6).at(i));
    expect(boxes.map((b) => b.digit).join('')).toBe('100000');
    const middles = boxes.map((b) => (b.x0 + b.x1) / 2);
    expect(middles).toEqual(middles.toSorted((a, b) => a - b));
    expect(width).toBeGreaterThan(boxes.at(-1)!.x0);
    // The pen goes down once for each of 1 , 00 , 000 / - at least, and never within a chain.
    const strokes = trace.up.subarray(0, trace.length).reduce((sum, up) => sum + up, 0);
    expect(strokes).toBeLessThanOrEqual(9);
  }
});

test('rejects what is no place in a sequence', () => {
  expect(() => syntheticAmount(7, -1)).toThrow('whole numbers');
});

test('thousands in groups', () => {
  expect(groupDigits('12500000', ',', true)).toBe('1,25,00,000');
  expect(groupDigits('12500000', ',')).toBe('12,500,000');
  expect(groupDigits('125', '.')).toBe('125');
  expect(groupDigits('1250', '.', true)).toBe('1.250');
});
