/** Strokes drawn behind lines that somebody wrote: endings that few of the lines there are have. */
import type { Random } from '../../core/random.ts';
import type { GreyImage } from '../../vision/grey.ts';
import { type Line, sample } from '../../vision/reader/line.ts';
import { BASE, type Desk, DIGIT, newHand, TALL, WIDE } from './hand.ts';
import { mark } from './marks.ts';
import { FLOURISH } from './text.ts';

const ENDINGS: readonly string[] = ['-', '-', '=', '/-', '.-', ',', ',-', FLOURISH, FLOURISH];

/** Where the marks begin on their canvas; left of it is room for what leans out. */
const FROM = 16;

/** Share of a line's pixels that are paper: none of them are darker than its print. */
const PAPER = 0.7;

/** The line made wider: its right end once more from right to left, as far as paper is dark, so without its writing. */
function widen({ width, height, data: ink }: GreyImage, wider: number): GreyImage {
  const print = ink.slice().sort()[Math.floor(PAPER * ink.length)]!;
  const data = new Uint8Array(wider * height);
  for (let y = 0; y < height; y++) {
    data.set(ink.subarray(y * width, (y + 1) * width), y * wider);
    for (let x = width; x < wider; x++) {
      data[y * wider + x] = Math.min(print, ink[y * width + Math.max(0, 2 * width - 1 - x)]!);
    }
  }
  return { width: wider, height, data };
}

/** The line with one of the usual endings behind its writing, as high as that: the same digits. */
export function withEnding(line: Line, desk: Desk, random: Random): Line {
  const hand = newHand(desk, random);
  const wanted = ENDINGS[random.below(ENDINGS.length)]!;
  const end = [...wanted].reduce((x, c) => mark(hand, c, x) + Math.max(-2, hand.gap), FROM);
  const scale = (line.bottom - line.top) / (DIGIT * hand.scale);
  // Columns of the line where the marks begin, and how many more columns they need.
  const start = line.right + random.between(0, 0.35) * (line.bottom - line.top);
  const right = Math.ceil(start + (end - FROM) * scale);
  const ink = widen(line.ink, Math.max(line.ink.width, right + 4));
  const { width, height, data } = ink;
  const black = random.between(150, 255);
  const marks = {
    width: WIDE,
    height: TALL,
    data: Uint8Array.from(desk.canvas, (v) => black * Math.min(1, v)),
  };
  for (let y = 0; y < height; y++) {
    const v = BASE + (y + 0.5 - line.bottom) / scale - 0.5;
    for (let x = Math.max(0, Math.floor(start - FROM * scale)); x < width; x++) {
      const dark = sample(marks, FROM + (x + 0.5 - start) / scale - 0.5, v);
      if (dark > data[y * width + x]!) data[y * width + x] = dark;
    }
  }
  return { ...line, ink, right };
}
