/** Amount lines composed of single digits (MNIST's, say), with separators, strokes and paper around them. */
import type { Random } from '../../core/random.ts';
import { type ImageSet, imageAt } from '../../data/dataset.ts';
import { inkBox } from '../../vision/grey.ts';
import { type Line, sample } from '../../vision/reader/line.ts';
import { texture } from './augment.ts';
import { BASE, type Desk, DIGIT, type Hand, newHand, stroke, TALL, WIDE } from './hand.ts';
import { currency, mark } from './marks.ts';
import { amountText, FLOURISH } from './text.ts';

export interface WrittenLine {
  readonly line: Line;
  readonly digits: string;
  /** Digits and marks, or null where the marks are not known. */
  readonly text: string | null;
}

/** Where digits are taken from: an image set and its images by class. */
export interface DigitSource {
  readonly images: ImageSet;
  readonly byClass: readonly Int32Array[];
  /** Side of the box in its images that a digit fills. */
  readonly size: number;
}

/** @param size MNIST's digits fill a box of 20 */
export const digitSource = (images: ImageSet, size = 20): DigitSource => ({
  images,
  size,
  byClass: images.classes.map((_, c) =>
    Int32Array.from({ length: images.count }, (_, i) => i).filter((i) => images.labels[i] === c),
  ),
});

/** Share of the lines that begin with a printed currency sign. */
const SIGNS = 0.5;
/** Points of a round stroke. */
const ROUND = 9;

/** A random amount, written. The image is a pure function of the source and `random`. */
export function composeLine(source: DigitSource, desk: Desk, random: Random): WrittenLine {
  const hand = newHand(desk, random);
  const wanted = amountText(random);
  let x = 16;
  if (random.uniform() < SIGNS) x = currency(hand, x) + random.between(1, 16);
  // The sign is cut off now and then.
  const left = random.uniform() < 0.8 ? 16 : x;
  const written = write(hand, source, wanted, x);
  const text = wanted.slice(0, written.count).replaceAll(FLOURISH, '');
  const line = finish(hand, left, Math.min(WIDE - 16, written.x));
  return { line, digits: text.replace(/\D/g, ''), text };
}

/** Writes the characters from x on, as many as there is room for; returns where they end and how many they are. */
function write(hand: Hand, source: DigitSource, text: string, from: number): { x: number; count: number } {
  const { random, smallZeros, gap, care } = hand;
  const zeros = /0*$/.exec(text.replace(/[^\d]+$/, '').replace(/[,.]/g, ''))?.[0].length ?? 0;
  const digits = text.replace(/\D/g, '').length;
  let seen = 0;
  let count = 0;
  let x = from;
  while (count < text.length && x <= WIDE - 80) {
    const c = text[count++]!;
    if (/\d/.test(c)) {
      const isTail = seen++ >= digits - zeros;
      const more = isTail && hand.zeros === 'chain' ? /^0{0,4}/.exec(text.slice(count))![0].length : 0;
      if (more > 0) {
        x = zeroChain(hand, x, smallZeros, 1 + more);
        count += more;
        seen += more;
      } else if (isTail && hand.zeros === 'open') x = openZero(hand, x, smallZeros);
      else x = digit(hand, source, Number(c), x, isTail ? smallZeros : 1, isTail && smallZeros < 1);
      x += gap * (isTail ? 0.6 : 1) + care * random.normal();
    } else x = mark(hand, c, x) + Math.max(-2, gap) * 0.8 + Math.abs(care * random.normal());
  }
  return { x, count };
}

/** Draws a digit with its left edge at x; returns its right edge. */
function digit(
  hand: Hand,
  { images, byClass, size: full }: DigitSource,
  label: number,
  x: number,
  size: number,
  joined: boolean,
): number {
  const { random, canvas, slant } = hand;
  const choices = byClass[label]!;
  const data = imageAt(images, choices[random.below(choices.length)]!);
  const glyph = { width: images.width, height: images.height, data };
  const box = inkBox(glyph, 60) ?? { x0: 0, x1: full, y0: 0, y1: full };
  const sy = (DIGIT / full) * hand.scale * size * Math.exp(0.05 * random.normal());
  const sx = sy * hand.narrow * Math.exp(0.06 * random.normal());
  const base =
    BASE +
    hand.climb * x +
    hand.care * 0.7 * random.normal() -
    (size < 1 ? random.between(0, 0.3) * DIGIT * (1 - size) : 0);
  const wide = (box.x1 - box.x0) * sx;
  const tall = (box.y1 - box.y0) * sy;
  const [u0, u1] = [Math.floor(x - 8), Math.ceil(x + wide + 8)];
  for (let v = Math.max(0, Math.floor(base - tall - 1)); v < Math.min(TALL, base + 2); v++) {
    for (let u = Math.max(0, u0); u < Math.min(WIDE, u1); u++) {
      const px = box.x0 + (u + 0.5 - x - slant * (base - tall / 2 - v)) / sx - 0.5;
      const value = sample(glyph, px, box.y1 - (base - v - 0.5) / sy - 0.5) / 255;
      if (value > canvas[v * WIDE + u]!) canvas[v * WIDE + u] = value;
    }
  }
  if (joined && random.uniform() < 0.5) {
    const y = base - tall * random.between(0.7, 1);
    stroke(hand, [x + 0.6 * wide, y, x + wide + 6, y + random.between(-3, 3)]);
  }
  return x + wide;
}

/** A zero whose pen came from the left, went round and left at the top right, the loop not closed; returns its end. */
function openZero(hand: Hand, x: number, size: number): number {
  const { random, scale, narrow, slant, climb } = hand;
  const tall = DIGIT * scale * size * random.between(0.65, 1);
  const wide = tall * narrow * random.between(0.55, 0.95);
  const foot = BASE + climb * x - random.between(0, 0.3) * DIGIT * (1 - size);
  const open = random.between(0.15, 0.7);
  const start = (1 - open) / 2;
  const loop = [
    start,
    0.97,
    0.06,
    0.75,
    0,
    0.42,
    0.16,
    0.1,
    0.48,
    0,
    0.82,
    0.1,
    1,
    0.42,
    0.95,
    0.75,
    start + open,
    0.97,
  ];
  const out = random.uniform() < 0.6 ? [1.15, random.between(0.8, 1)] : [];
  const wobble = () => 0.04 * random.normal();
  const points = [...loop, ...out].map((v, i, all) => {
    if (i % 2) return foot - (v + wobble()) * tall;
    return x + (v + wobble()) * wide + slant * (all[i + 1]! - 0.5) * tall;
  });
  stroke(hand, points);
  return x + wide;
}

/** Zeros in one stroke: round, and on at the top to the next; the first may be closed. Returns where the last one ends. */
function zeroChain(hand: Hand, x: number, size: number, count: number): number {
  const { random, scale, narrow, slant, climb } = hand;
  const tall = DIGIT * scale * size * random.between(0.65, 1);
  const wide = tall * narrow * random.between(0.5, 0.9);
  const advance = wide * random.between(0.95, 1.5);
  const begin = random.between(0.8, 2.7);
  // Round and a little farther, or open at the top like a v.
  const missing = random.between(-0.4, 1.9);
  const points: number[] = [];
  const [closedFirst, closedLast] = [random.uniform() < 0.6, random.uniform() < 0.4];
  for (let i = 0; i < count; i++) {
    const isClosed = (closedFirst && i === 0) || (closedLast && i === count - 1);
    const round = 2 * Math.PI - (isClosed ? Math.min(0, missing) : missing);
    const foot = BASE + climb * x - random.between(0, 0.15) * DIGIT * (1 - size);
    for (let k = 0; k <= ROUND; k++) {
      const angle = begin + (k / ROUND) * round;
      const v = 0.5 + 0.5 * Math.sin(angle) + 0.03 * random.normal();
      const u = 0.5 + 0.5 * Math.cos(angle) + 0.03 * random.normal();
      points.push(x + i * advance + u * wide + slant * (v - 0.5) * tall, foot - v * tall);
    }
  }
  const end = x + (count - 1) * advance + wide;
  if (random.uniform() < 0.5) {
    points.push(end + random.between(0.2, 0.6) * wide, points.at(-1)! - random.between(-0.1, 0.4) * tall);
  }
  stroke(hand, points);
  return end;
}

/** The canvas as a line, on paper of its own. */
function finish({ canvas, random, scale }: Hand, left: number, right: number): Line {
  const width = Math.min(WIDE, Math.ceil(right) + 16);
  const data = new Uint8Array(width * TALL);
  const black = random.between(170, 255);
  for (let y = 0; y < TALL; y++) {
    for (let x = 0; x < width; x++) data[y * width + x] = black * Math.min(1, canvas[y * WIDE + x]!);
  }
  if (random.uniform() < 0.5) texture(data, width, random, 90);
  const h = DIGIT * scale;
  const top = BASE - h * random.between(0.85, 1.05);
  return {
    ink: { width, height: TALL, data },
    top,
    bottom: BASE + h * random.between(-0.08, 0.1),
    left,
    right,
    factor: 1,
  };
}
