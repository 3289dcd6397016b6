/** Amount lines composed of single digits (MNIST's, say), with separators, strokes and paper around them. */
import type { Random } from '../../core/random.ts';
import { type ImageSet, imageAt } from '../../data/dataset.ts';
import { ink, newTrace, type Trace } from '../../data/digits/pen.ts';
import { inkBox } from '../../vision/grey.ts';
import { type Line, sample } from '../../vision/reader/line.ts';
import { texture } from './augment.ts';
import { amountText } from './text.ts';

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

/** Height of the canvas on which lines are written, and of an upright digit on it. */
const TALL = 76;
const DIGIT = 34;
const BASE = 54;
const WIDE = 640;

/** Share of the lines that begin with a printed currency sign. */
const SIGNS = 0.5;
/** Points of a round stroke. */
const ROUND = 9;
/** The bowl of a rupee sign, x, y, … in its heights, from the foot up. */
const BOWL = [0, 1, 0.2, 1, 0.36, 0.95, 0.44, 0.85, 0.45, 0.74, 0.4, 0.62, 0.28, 0.54, 0.12, 0.5, 0, 0.5];

/** One line's hand. */
interface Hand {
  readonly random: Random;
  readonly canvas: Float32Array;
  readonly trace: Trace;
  readonly scale: number;
  readonly narrow: number;
  readonly slant: number;
  readonly gap: number;
  readonly care: number;
  readonly pen: number;
  readonly climb: number;
  readonly smallZeros: number;
  /** Zeros at the end: each for itself, loops open at the top as a hurried pen leaves them, or all in one stroke. */
  readonly zeros: 'closed' | 'open' | 'chain';
}

/** Memory for composing; nothing in it outlives a line. */
export interface Desk {
  readonly canvas: Float32Array;
  readonly trace: Trace;
}

export const newDesk = (): Desk => ({ canvas: new Float32Array(WIDE * TALL), trace: newTrace(96) });

/** A random amount, written. The image is a pure function of the source and `random`. */
export function composeLine(source: DigitSource, desk: Desk, random: Random): WrittenLine {
  desk.canvas.fill(0, 0, TALL * WIDE);
  const hand: Hand = {
    ...desk,
    random,
    scale: random.between(0.8, 1.1),
    narrow: Math.exp(0.14 * random.normal()),
    slant: 0.15 * random.normal() + 0.05,
    gap: random.between(-3, 7),
    care: random.between(0.5, 2),
    pen: random.between(1, 2.6),
    climb: 0.03 * random.normal(),
    smallZeros: random.uniform() < 0.45 ? random.between(0.5, 0.85) : 1,
    zeros: (['closed', 'closed', 'open', 'chain', 'chain'] as const)[random.below(5)]!,
  };
  const wanted = amountText(random);
  let x = 16;
  if (random.uniform() < SIGNS) x = currency(hand, x) + random.between(1, 16);
  // The sign is cut off now and then.
  const left = random.uniform() < 0.8 ? 16 : x;
  const written = write(hand, source, wanted, x);
  const text = wanted.slice(0, written.count);
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
    line(hand, [x + 0.6 * wide, y, x + wide + 6, y + random.between(-3, 3)]);
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
  line(hand, points);
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
  line(hand, points);
  return end;
}

/** A stroke through points x, y, x, y …. */
function line({ canvas, trace, pen, random }: Hand, points: readonly number[], width = pen): void {
  trace.length = points.length / 2;
  for (let i = 0; i < trace.length; i++) {
    trace.x[i] = points[2 * i]!;
    trace.y[i] = points[2 * i + 1]!;
    trace.radius[i] = width * random.between(0.85, 1.15);
    trace.up[i] = i === 0 ? 1 : 0;
  }
  ink(canvas, WIDE, TALL, trace, 1.2);
}

/** Draws a mark at x; returns where it ends. */
function mark(hand: Hand, c: string, x: number): number {
  const { random, scale, climb } = hand;
  const y = BASE + climb * x;
  const h = DIGIT * scale;
  const r = (low: number, high: number) => random.between(low, high);
  if (c === '.') {
    const at = y - r(-0.05, 0.2) * h;
    line(hand, [x + 3, at, x + 3 + r(-1, 1.5), at + r(-1, 1)]);
    return x + 6;
  }
  if (c === ',') {
    const top = y - r(0, random.uniform() < 0.25 ? 0.5 : 0.2) * h;
    const foot = y + r(0.1, 0.45) * h;
    const wide = r(1, 5);
    line(hand, [x + wide, top, x + wide + r(-1, 1), top + 0.3 * (foot - top), x + r(-1, 1), foot]);
    return x + wide + 3;
  }
  if (c === '/') {
    const lean = r(-0.05, 0.55) * h;
    const [top, foot] = [y - r(0.5, 1.3) * h, y + r(-0.1, 0.5) * h];
    const bow = 0.06 * h * random.normal();
    line(hand, [x + lean + 3, top, x + lean / 2 + 3 + bow, (top + foot) / 2, x + 3 + r(-2, 2), foot]);
    return x + Math.max(6, lean + 3);
  }
  if (c === '*') {
    const [cx, cy, s] = [x + 0.2 * h, y - r(0.3, 0.6) * h, 0.18 * h];
    line(hand, [cx - s, cy, cx + s, cy]);
    line(hand, [cx - 0.5 * s, cy - s, cx + 0.5 * s, cy + s]);
    line(hand, [cx + 0.5 * s, cy - s, cx - 0.5 * s, cy + s]);
    return x + 0.4 * h;
  }
  const long = r(0.25, 1.1) * h;
  const tilt = 0.06 * long * random.normal();
  const at = y - r(0.15, 0.65) * h;
  const stroke = (height: number) =>
    line(hand, [
      x + 2,
      height,
      x + 2 + long / 2,
      height + tilt / 2 + r(-1.5, 1.5),
      x + 2 + long,
      height + tilt,
    ]);
  stroke(at);
  if (c === '=') stroke(at - r(0.14, 0.3) * h);
  return x + 4 + long;
}

/** A rupee or dollar sign, or what is left of one, before the amount: it is not to be read. */
function currency(hand: Hand, x: number): number {
  const { random } = hand;
  const h = DIGIT * random.between(0.55, 1);
  const y = BASE - random.between(-0.05, 0.25) * h;
  const width = h * random.between(0.025, 0.085);
  const w = h * random.between(0.5, 0.72);
  const at = (points: readonly number[]) => points.map((v, i) => (i % 2 ? y - v * h : x + (v * w) / 0.6));
  if (random.uniform() < 0.8) {
    line(hand, at([0, 1, 0.6, 1]), width);
    line(hand, at([0, 0.76, 0.6, 0.76]), width);
    line(hand, at(BOWL), width);
    line(hand, at([0.02, 0.5, 0.42, 0]), width * random.between(1, 1.4));
  } else {
    const s = [
      0.6, 0.85, 0.36, 0.95, 0.12, 0.9, 0.06, 0.65, 0.3, 0.5, 0.54, 0.35, 0.48, 0.1, 0.24, 0.05, 0, 0.15,
    ];
    line(hand, at(s), width);
    line(hand, at([0.3, 1.1, 0.3, -0.1]), width);
  }
  if (random.uniform() < 0.3) {
    const edge = x + w + random.between(2, 8);
    line(hand, [edge, BASE - 1.5 * DIGIT, edge, TALL], random.between(0.5, 1.2));
    return edge;
  }
  return x + w;
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
