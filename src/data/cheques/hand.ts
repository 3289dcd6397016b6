/** A line of digits and signs in one person's hand: stroke skeletons of ../digits, set one after the other. */
import type { Random } from '../../core/random.ts';
import { BOWL_FOURS, GLYPHS, type Glyph } from '../digits/glyphs.ts';
import { newTrace, type Trace } from '../digits/pen.ts';
import { type Desk, distort, drawStrokes, newDesk, pick } from '../digits/writer.ts';

/** What stays the same while one person writes. Lengths are in heights of a digit. */
export interface Hand {
  readonly random: Random;
  readonly aspect: number;
  readonly shear: number;
  /** Half the pen's width. */
  readonly radius: number;
  readonly care: number;
  readonly rounded: boolean;
  /** How far shapes are bent away from the skeletons, 0 … 1. */
  readonly distortion: number;
  /** Space between digits; negative lets them touch. */
  readonly spacing: number;
  readonly sizeSpread: number;
  readonly zeroSize: number;
  /** The baseline's slope. */
  readonly slope: number;
  /** How likely a digit is joined to the next one without lifting the pen. */
  readonly joining: number;
  /** How likely the pen skips within a digit. */
  readonly skipping: number;
  /** How zeros in a row are written in one stroke; null where each is written on its own. */
  readonly chain: Chain | null;
}

/** Loops from top to top, one linked to the next. */
interface Chain {
  /** How far from its top each loop begins and ends, radians: 0 closed, 1 like a u; below 0 the ends overlap. */
  readonly opening: number;
  /** Whether the first and the last loop are closed all the same. */
  readonly closedEnds: boolean;
  /** Half the width of a loop by half its height. */
  readonly aspect: number;
  /** How far loops that are not closed narrow towards their foot: 0 round, 1 like a v. */
  readonly pointed: number;
  /** From loop to loop, in heights of a zero, and how far the link hangs down. */
  readonly link: number;
  readonly sag: number;
}

export function drawHand(random: Random): Hand {
  const joins = random.uniform();
  return {
    random: random.at('habits'),
    aspect: 0.82 * Math.exp(0.2 * random.normal()),
    shear: 0.15 + 0.22 * random.normal(),
    radius: 0.042 * Math.exp(0.35 * random.normal()),
    care: random.between(0.015, 0.06),
    rounded: random.uniform() < 0.3,
    distortion: random.between(0.2, 0.9),
    spacing: 0.16 + 0.14 * random.normal(),
    sizeSpread: random.between(0.02, 0.12),
    zeroSize: random.uniform() < 0.5 ? random.between(0.6, 0.95) : 1,
    slope: 0.03 * random.normal(),
    joining: joins < 0.5 ? 0 : joins < 0.85 ? 0.12 : 0.5,
    skipping: random.uniform() < 0.15 ? 0.25 : 0.02,
    chain: drawChain(random.at('chain')),
  };
}

const drawChain = (random: Random): Chain | null =>
  random.uniform() < 0.65
    ? null
    : {
        opening: random.between(-0.4, 1.4),
        closedEnds: random.uniform() < 0.6,
        aspect: random.between(0.55, 1.1),
        pointed: random.between(-0.6, 1),
        link: random.between(0, 0.6),
        sag: random.between(-0.1, 0.3),
      };

/** One digit's place, [x0, x1) × [y0, y1). */
export interface DigitBox {
  readonly digit: number;
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
}

/** Ink of a line; the baseline starts at (0, 0), y runs down, a digit is 1 high. */
export interface Line {
  readonly trace: Trace;
  readonly boxes: readonly DigitBox[];
  readonly width: number;
}

/** Signs other than digits: strokes `x,y`, and the room they take; y runs down from the baseline. */
const SIGNS: Readonly<Record<string, { room: number; strokes: readonly (readonly number[])[] }>> = {
  '.': { room: 0.16, strokes: [[0.06, -0.04, 0.09, 0.0]] },
  ',': { room: 0.2, strokes: [[0.14, -0.08, 0.12, 0.08, 0.0, 0.24]] },
  ' ': { room: 0.35, strokes: [] },
  '-': { room: 0.7, strokes: [[0.08, -0.42, 0.35, -0.48, 0.65, -0.43]] },
  '=': {
    room: 0.7,
    strokes: [
      [0.08, -0.52, 0.62, -0.56],
      [0.06, -0.3, 0.66, -0.34],
    ],
  },
  '/': { room: 0.4, strokes: [[0.38, -1.15, 0.2, -0.4, 0.02, 0.12]] },
  '*': {
    room: 0.5,
    strokes: [
      [0.22, -0.8, 0.26, -0.3],
      [0.04, -0.68, 0.44, -0.42],
      [0.44, -0.7, 0.04, -0.4],
    ],
  },
};

/** Characters `writeLine` knows. */
export const isWritable = (c: string): boolean => (c >= '0' && c <= '9') || c in SIGNS;

interface Pen {
  readonly line: Trace;
  cursor: number;
}

/** Writes `text` (digits and `.,-=/*` and spaces), every sign a little different. */
export function writeLine(text: string, hand: Hand, random: Random): Line {
  const desk = newDesk();
  const pen: Pen = { line: newTrace((text.length + 1) * desk.trace.x.length), cursor: 0 };
  const boxes: DigitBox[] = [];
  let drift = 0;
  let joined = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i] as string;
    drift = 0.6 * drift + 0.03 * random.normal();
    const base = hand.slope * pen.cursor + drift;
    if (c in SIGNS) {
      writeSign(pen, c, base, hand, random);
      joined = false;
      continue;
    }
    const zeros = /^0*/.exec(text.slice(i))![0].length;
    if (hand.chain && zeros > 1) {
      boxes.push(...writeChain(pen, hand.chain, zeros, base, hand, random.at('chain', i)));
      joined = false;
      i += zeros - 1;
      continue;
    }
    boxes.push(writeDigit(pen, desk, Number(c), base, joined, hand, random));
    const next = text[i + 1];
    joined = next !== undefined && next >= '0' && next <= '9' && random.uniform() < hand.joining;
  }
  return { trace: pen.line, boxes, width: pen.cursor };
}

function writeDigit(
  pen: Pen,
  desk: Desk,
  digit: number,
  base: number,
  joined: boolean,
  hand: Hand,
  random: Random,
): DigitBox {
  const { trace } = desk;
  drawStrokes(desk, habit(digit, hand, random), hand.care, hand.rounded, random);
  distort(trace, random, hand.distortion);
  const size = (1 + hand.sizeSpread * random.normal()) * (digit === 0 ? hand.zeroSize : 1);
  shape(trace, size, hand.aspect * (1 + 0.06 * random.normal()), hand.shear + 0.05 * random.normal());
  const { x0, x1, y0, y1 } = extent(trace);
  const gap = joined ? -0.05 : hand.spacing + 0.06 * random.normal();
  const dx = pen.cursor + gap - x0;
  const dy = base - y1;
  const skip = random.uniform() < hand.skipping ? random.below(trace.length) : -1;
  for (let i = 0; i < trace.length; i++) {
    const near = skip >= 0 && Math.abs(i - skip) < 2;
    const radius = hand.radius * (near ? 0.2 : 1 + 0.12 * Math.sin(0.2 * i + 9 * hand.care));
    append(
      pen.line,
      (trace.x[i] as number) + dx,
      (trace.y[i] as number) + dy,
      radius,
      i > 0 || !joined,
      trace.up[i],
    );
  }
  // Narrow digits (1) keep their distance too, and overlap by at most a third of their width.
  pen.cursor = Math.max(pen.cursor + 0.08, x1 + dx);
  return { digit, x0: x0 + dx, y0: y0 + dy, x1: x1 + dx, y1: base };
}

/** Steps of a loop of a chain, and of a link. */
const [LOOP_STEPS, LINK_STEPS] = [20, 4];

/** `count` zeros in a row without lifting the pen, each counterclockwise from its top. */
function writeChain(
  pen: Pen,
  chain: Chain,
  count: number,
  base: number,
  hand: Hand,
  random: Random,
): DigitBox[] {
  const { line } = pen;
  const boxes: DigitBox[] = [];
  const about = (value: number): number => value * (1 + hand.sizeSpread * random.normal());
  const put = (x: number, y: number, free = false): void =>
    append(line, x - hand.shear * (y - base), y, hand.radius, free, 1);
  let left = pen.cursor + Math.max(0, hand.spacing + 0.06 * random.normal());
  const narrowing = 0.5 * Math.max(0, chain.pointed);
  for (let k = 0; k < count; k++) {
    const ry = 0.5 * about(hand.zeroSize);
    const rx = about(ry * hand.aspect * chain.aspect);
    const [cx, cy] = [left + rx, base - ry + 0.04 * random.normal()];
    const isEnd = k === 0 || k === count - 1;
    const opening = chain.closedEnds && isEnd ? Math.min(0, chain.opening) : chain.opening;
    const [from, to] = [opening, 2 * Math.PI - opening].map((a) => a + 0.3 * random.normal());
    for (let i = 0; i <= LOOP_STEPS; i++) {
      const angle = from! + ((to! - from!) * i) / LOOP_STEPS;
      const wide = opening > 0 ? rx * (1 - narrowing * (1 - Math.cos(angle))) : rx;
      const [x, y] = [cx - wide * Math.sin(angle), cy - ry * Math.cos(angle)];
      if (i === 0 && k > 0) putLink(x, y);
      put(x, y, i === 0 && k === 0);
    }
    boxes.push({ digit: 0, ...extent(line, line.length - LOOP_STEPS - 1) });
    pen.cursor = cx + rx;
    left = pen.cursor + Math.max(0, about(chain.link)) * hand.zeroSize - 0.1 * rx;
  }
  return boxes;

  function putLink(x: number, y: number): void {
    const [before, level] = [line.length - 1, line.y[line.length - 1]!];
    const start = line.x[before]! + hand.shear * (level - base);
    for (let i = 1; i < LINK_STEPS; i++) {
      const t = i / LINK_STEPS;
      put(start + t * (x - start), level + t * (y - level) + chain.sag * hand.zeroSize * t * (1 - t));
    }
  }
}

/** Share of hands whose fours have a bowl: two of the 40 scans. */
const BOWLS = 0.05;

/** People write a digit in one way mostly. */
function habit(digit: number, hand: Hand, random: Random): Glyph {
  const isBowl = digit === 4 && hand.random.at('four').uniform() < BOWLS;
  const glyphs = isBowl ? BOWL_FOURS : (GLYPHS[digit] as readonly Glyph[]);
  return pick(glyphs, random.uniform() < 0.85 ? hand.random.at(digit) : random);
}

function append(line: Trace, x: number, y: number, radius: number, free: boolean, up = 0): void {
  const at = line.length++;
  line.x[at] = x;
  line.y[at] = y;
  line.radius[at] = radius;
  line.up[at] = free ? up : 0;
}

function shape(trace: Trace, size: number, aspect: number, shear: number): void {
  for (let i = 0; i < trace.length; i++) {
    const y = (trace.y[i] as number) * size;
    trace.x[i] = aspect * size * (trace.x[i] as number) - shear * y;
    trace.y[i] = y;
  }
}

/** Of the points from `first` on. */
function extent(trace: Trace, first = 0): { x0: number; x1: number; y0: number; y1: number } {
  let [x0, x1, y0, y1] = [Infinity, -Infinity, Infinity, -Infinity];
  for (let i = first; i < trace.length; i++) {
    x0 = Math.min(x0, trace.x[i] as number);
    x1 = Math.max(x1, trace.x[i] as number);
    y0 = Math.min(y0, trace.y[i] as number);
    y1 = Math.max(y1, trace.y[i] as number);
  }
  return { x0, x1, y0, y1 };
}

/** Steps each straight piece of a sign is cut into, so that it can bend. */
const PIECES = 4;

/** Dashes are short and long, strokes lean or stand upright: factors on a sign's width. */
const WIDTHS: Readonly<Record<string, readonly [least: number, most: number]>> = {
  '-': [0.6, 1.9],
  '=': [0.6, 1.9],
  '/': [0, 1.3],
};

function writeSign(pen: Pen, sign: string, base: number, hand: Hand, random: Random): void {
  const { room, strokes } = SIGNS[sign]!;
  const [least, most] = WIDTHS[sign] ?? [0.8, 1.3];
  const wide = random.between(least, most);
  const high = sign === '/' ? random.between(0.55, 1.25) : random.between(0.75, 1.25);
  const gap = sign === ' ' ? 0 : random.between(-0.02, 0.14);
  const at = pen.cursor + gap;
  const sway = 0.05 * random.normal();
  const jitter = (): number => 0.025 * random.normal();
  for (const stroke of strokes) {
    for (let p = 0; p < stroke.length; p += 2) {
      const x = at + wide * stroke[p]! - hand.shear * stroke[p + 1]! * 0.6 + jitter();
      const y = base + high * stroke[p + 1]! + jitter();
      const line = pen.line;
      const before = line.length - 1;
      for (let s = 1; p > 0 && s < PIECES; s++) {
        const t = s / PIECES;
        const [ax, ay] = [line.x[before]!, line.y[before]!];
        const bow = sway * Math.sin(Math.PI * t);
        append(line, ax + t * (x - ax) + bow, ay + t * (y - ay) + bow, hand.radius, false);
      }
      append(line, x, y, hand.radius * random.between(0.8, sign === '.' ? 1.6 : 1.1), p === 0, 1);
    }
  }
  pen.cursor = at + Math.max(0.5, wide) * room;
}
