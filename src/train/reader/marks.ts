/** Separators, strokes behind an amount, and signs before it, as a hand draws them. */
import { BASE, DIGIT, type Hand, stroke, TALL } from './hand.ts';
import { FLOURISH } from './text.ts';

/** The bowl of a rupee sign, x, y, … in its heights, from the foot up. */
const BOWL = [0, 1, 0.2, 1, 0.36, 0.95, 0.44, 0.85, 0.45, 0.74, 0.4, 0.62, 0.28, 0.54, 0.12, 0.5, 0, 0.5];

/** Where a mark begins: its left edge, the line that digits stand on, and the height of a digit. */
interface Place {
  readonly x: number;
  readonly y: number;
  readonly h: number;
}

/** Draws a mark; returns its right edge. */
type Mark = (hand: Hand, at: Place) => number;

const dot: Mark = (hand, { x, y, h }) => {
  const { random } = hand;
  const at = y - random.between(-0.05, 0.2) * h;
  stroke(hand, [x + 3, at, x + 3 + random.between(-1, 1.5), at + random.between(-1, 1)]);
  return x + 6;
};

const comma: Mark = (hand, { x, y, h }) => {
  const r = (low: number, high: number) => hand.random.between(low, high);
  const top = y - r(0, hand.random.uniform() < 0.25 ? 0.5 : 0.2) * h;
  const foot = y + r(0.1, 0.45) * h;
  const wide = r(1, 5);
  stroke(hand, [x + wide, top, x + wide + r(-1, 1), top + 0.3 * (foot - top), x + r(-1, 1), foot]);
  return x + wide + 3;
};

/** From above the digits to below them; where it hardly leans it reaches below, else it would be a 1. */
const slash: Mark = (hand, { x, y, h }) => {
  const { random } = hand;
  const r = (low: number, high: number) => random.between(low, high);
  const leaning = r(-0.05, 0.6);
  const lean = leaning * h;
  const [top, foot] = [y - r(0.5, 1.3) * h, y + r(leaning < 0.3 ? 0.15 : -0.05, 0.5) * h];
  const bow = 0.06 * h * random.normal();
  stroke(hand, [x + lean + 3, top, x + lean / 2 + 3 + bow, (top + foot) / 2, x + 3 + r(-2, 2), foot]);
  return x + Math.max(6, lean + 3);
};

const star: Mark = (hand, { x, y, h }) => {
  const [cx, cy, s] = [x + 0.2 * h, y - hand.random.between(0.3, 0.6) * h, 0.18 * h];
  stroke(hand, [cx - s, cy, cx + s, cy]);
  stroke(hand, [cx - 0.5 * s, cy - s, cx + 0.5 * s, cy + s]);
  stroke(hand, [cx + 0.5 * s, cy - s, cx - 0.5 * s, cy + s]);
  return x + 0.4 * h;
};

/** One dash or more above each other, mostly level, some rising: short and high, or as long as the box has room. */
const dashes =
  (count: number): Mark =>
  (hand, { x, y, h }) => {
    const { random } = hand;
    const long = random.between(0.15, random.uniform() < 0.15 ? 2.5 : 1.1) * h;
    const rise = random.uniform() < 0.25 ? random.between(0, 0.6) : 0.06 * random.normal();
    const tilt = -rise * Math.min(long, h);
    let at = y - random.between(-0.1, 0.8) * h;
    for (let i = 0; i < count; i++) {
      const middle = at + tilt / 2 + random.between(-1.5, 1.5);
      stroke(hand, [x + 2, at, x + 2 + long / 2, middle, x + 2 + long, at + tilt]);
      at -= random.between(0.14, 0.3) * h;
    }
    return x + 4 + long;
  };

/** A dash with one or two strokes through it. */
const crossed: Mark = (hand, { x, y, h }) => {
  const { random } = hand;
  const long = random.between(0.3, 1.2) * h;
  const level = y - random.between(0.15, 0.65) * h;
  const tilt = 0.1 * long * random.normal();
  stroke(hand, [x + 2, level, x + 2 + long, level + tilt]);
  for (let n = 1 + random.below(2); n > 0; n--) {
    const middle = x + 2 + random.between(0.15, 0.85) * long;
    const [up, down] = [random.between(0.1, 0.45) * h, random.between(0.1, 0.45) * h];
    const lean = random.between(-0.1, 0.8);
    stroke(hand, [middle + lean * up, level - up, middle - lean * down, level + down]);
  }
  return x + 4 + long;
};

/** Up and down to the right, as a space is filled. */
const zigzag: Mark = (hand, { x, y, h }) => {
  const { random } = hand;
  const [long, swing] = [random.between(0.5, 2.2) * h, random.between(0.04, 0.22) * h];
  const turns = 2 + random.below(6);
  const level = y - random.between(0, 0.6) * h;
  const points: number[] = [];
  for (let i = 0; i <= turns; i++) {
    const side = i % 2 ? 1 : -1;
    points.push(
      x + 2 + (i / turns) * long + random.normal(),
      level + side * swing * random.between(0.6, 1.2),
    );
  }
  stroke(hand, points);
  return x + 4 + long;
};

/** A dash that turns at its end and goes back or down. */
const hook: Mark = (hand, { x, y, h }) => {
  const { random } = hand;
  const long = random.between(0.3, 1.6) * h;
  const level = y - random.between(0.1, 0.7) * h;
  const [back, down] = [random.between(0.1, 0.9) * long, random.between(0.08, 0.4) * h];
  stroke(hand, [x + 2, level, x + 2 + 0.6 * long, level + random.between(-1.5, 1.5), x + 2 + long, level]);
  stroke(hand, [x + 2 + long, level, x + 2 + long - back, level + down]);
  return x + 4 + long;
};

/** A short stroke beside the upper half of the digits. */
const tick: Mark = (hand, { x, y, h }) => {
  const r = (low: number, high: number) => hand.random.between(low, high);
  const top = y - r(0.6, 1.2) * h;
  const long = r(0.15, 0.45) * h;
  const lean = r(0, 0.9) * long;
  stroke(hand, [x + lean + 3, top, x + lean / 2 + r(2, 4), top + long / 2, x + 3, top + long]);
  return x + lean + 6;
};

const FLOURISHES: readonly Mark[] = [crossed, crossed, zigzag, hook, tick];

const MARKS: Readonly<Record<string, Mark>> = {
  '.': dot,
  ',': comma,
  '/': slash,
  '*': star,
  '-': dashes(1),
  '=': dashes(2),
  [FLOURISH]: (hand, at) => FLOURISHES[hand.random.below(FLOURISHES.length)]!(hand, at),
};

/** Draws a mark with its left edge at x; returns its right edge. */
export function mark(hand: Hand, c: string, x: number): number {
  return MARKS[c]!(hand, { x, y: BASE + hand.climb * x, h: DIGIT * hand.scale });
}

/** A rupee or dollar sign, or what is left of one, before the amount: it is not to be read. */
export function currency(hand: Hand, x: number): number {
  const { random } = hand;
  const h = DIGIT * random.between(0.55, 1);
  const y = BASE - random.between(-0.05, 0.25) * h;
  const width = h * random.between(0.025, 0.085);
  const w = h * random.between(0.5, 0.72);
  const at = (points: readonly number[]) => points.map((v, i) => (i % 2 ? y - v * h : x + (v * w) / 0.6));
  if (random.uniform() < 0.8) {
    stroke(hand, at([0, 1, 0.6, 1]), width);
    stroke(hand, at([0, 0.76, 0.6, 0.76]), width);
    stroke(hand, at(BOWL), width);
    stroke(hand, at([0.02, 0.5, 0.42, 0]), width * random.between(1, 1.4));
  } else {
    const s = [
      0.6, 0.85, 0.36, 0.95, 0.12, 0.9, 0.06, 0.65, 0.3, 0.5, 0.54, 0.35, 0.48, 0.1, 0.24, 0.05, 0, 0.15,
    ];
    stroke(hand, at(s), width);
    stroke(hand, at([0.3, 1.1, 0.3, -0.1]), width);
  }
  if (random.uniform() < 0.3) {
    const edge = x + w + random.between(2, 8);
    stroke(hand, [edge, BASE - 1.5 * DIGIT, edge, TALL], random.between(0.5, 1.2));
    return edge;
  }
  return x + w;
}
