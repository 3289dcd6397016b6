/**
 * Amount lines as cut from scanned cheques: handwriting on printed paper, with rules, frames and neighbours' ink.
 */
import { check } from '../../core/error.ts';
import { Random } from '../../core/random.ts';
import { type DigitBox, drawHand, type Hand, type Line, writeLine } from './hand.ts';
import { drawLight, drawPattern } from './paper.ts';
import {
  blur,
  type Canvas,
  develop,
  drawLine,
  drawTrace,
  newCanvas,
  type Picture,
  type Rectangle,
  shade,
} from './picture.ts';
import { printText } from './print.ts';
import { AMOUNT_STYLES, type AmountStyle, type AmountText, drawAmountText } from './text.ts';

export interface AmountOptions {
  /** How the amount is written; drawn at random where absent. */
  readonly style?: AmountStyle;
  /**
   * `tight`: the ink's box and little more, paper patterned and grey, as fields cut out by a bank;
   * `framed`: what stands in the printed box of a cheque, with its frame, currency sign and neighbours.
   */
  readonly cut?: 'tight' | 'framed';
  /** Everything this person writes is in one hand; a new hand for each line where absent. */
  readonly writer?: number;
}

export interface SyntheticAmount extends AmountText {
  /** 0 = black … 255 = white, ink dark on light. */
  readonly image: Picture;
  /** Where the middle lines of each digit's strokes are, in pixels of the image, in order. */
  readonly boxes: readonly DigitBox[];
  /** The printed frame in pixels of the image, null in a tight cut. */
  readonly frame: Rectangle | null;
}

/**
 * Line `index` of the endless sequence `seed`, a pure function of (seed, index, options).
 * @throws LensletError `value` when seed or index is not a whole number, index not ≥ 0
 */
export function syntheticAmount(seed: number, index: number, options: AmountOptions = {}): SyntheticAmount {
  check(
    Number.isSafeInteger(seed) && Number.isSafeInteger(index) && index >= 0,
    'value',
    () => `Cannot write line ${index} of sequence ${seed}: both must be whole numbers, the first 0 or more.`,
  );
  const random = new Random(seed).at('amounts', index);
  const style = options.style ?? AMOUNT_STYLES[random.below(3)]!;
  const framed = (options.cut ?? (random.uniform() < 0.6 ? 'tight' : 'framed')) === 'framed';
  const amount = drawAmountText(random, style);
  const hand = drawHand(options.writer === undefined ? random.at('hand') : writerOf(seed, options.writer));
  const line = writeLine(amount.text, hand, random);
  const { image, place, frame } = framed ? drawFramed(line, style, random) : drawTight(line, random);
  return { ...amount, image, frame, boxes: line.boxes.map((box) => moved(box, place)) };
}

const writerOf = (seed: number, writer: number): Random => new Random(seed).at('writer', writer);

interface Place {
  readonly left: number;
  readonly top: number;
  readonly scale: number;
}

const moved = ({ digit, x0, y0, x1, y1 }: DigitBox, { left, top, scale }: Place): DigitBox => ({
  digit,
  x0: left + scale * x0,
  y0: top + scale * y0,
  x1: left + scale * x1,
  y1: top + scale * y1,
});

/** The ink's box, pen included, in heights of a digit. */
export function inkExtent({ trace }: Line): { x0: number; y0: number; x1: number; y1: number } {
  let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i < trace.length; i++) {
    const r = trace.radius[i]!;
    x0 = Math.min(x0, trace.x[i]! - r);
    x1 = Math.max(x1, trace.x[i]! + r);
    y0 = Math.min(y0, trace.y[i]! - r);
    y1 = Math.max(y1, trace.y[i]! + r);
  }
  return { x0, y0, x1, y1 };
}

/** Reflectance of pens on paper of reflectance 1: black, blue and paler ones. */
export const drawTone = (random: Random): number => random.between(0.1, random.uniform() < 0.7 ? 0.45 : 0.65);

/** Paper of reflectance `base` with up to two printed patterns, `period` pixels apart, that darken by up to `strength`. */
export function drawPaper(
  width: number,
  height: number,
  base: number,
  period: number,
  strength: number,
  random: Random,
): Canvas {
  const canvas = newCanvas(width, height, base);
  const patterns = random.uniform() < 0.12 ? 0 : 1 + random.below(2);
  for (let i = 0; i < patterns; i++) {
    shade(
      canvas,
      drawPattern(random.at('pattern', i), period * random.between(0.7, 1.8)),
      strength * random.between(0.15, 1),
    );
  }
  shade(canvas, drawLight(random.at('light'), width, height), random.between(0, 0.25));
  return canvas;
}

interface Cut {
  readonly image: Picture;
  readonly place: Place;
  readonly frame: Rectangle | null;
}

function drawTight(line: Line, random: Random): Cut {
  const ink = inkExtent(line);
  const scale = random.between(24, 44);
  const margin = (): number => random.between(-1, 0.28 * scale);
  const [left, top] = [margin() - scale * ink.x0, margin() - scale * ink.y0];
  const width = Math.max(16, Math.ceil(left + scale * ink.x1 + margin()));
  const height = Math.max(16, Math.ceil(top + scale * ink.y1 + margin()));
  const base = random.between(0.55, 0.97);
  const canvas = drawPaper(width, height, base, random.between(4, 11), 0.2, random);
  if (random.uniform() < 0.35) {
    const y = random.uniform() < 0.75 ? random.between(0.72, 1) * height : random.between(0, 0.1) * height;
    const tilt = random.between(-1.5, 1.5);
    drawLine(
      canvas,
      [-2, y, width + 2, y + tilt],
      random.between(0.8, 2.2),
      base * random.between(0.25, 0.7),
    );
  }
  const place = { left, top, scale };
  drawTrace(canvas, line.trace, place, base * drawTone(random), random.between(1, 2.2));
  blur(canvas, random.between(0, 0.011 * scale + 0.7));
  return { image: develop(canvas, random.between(0, 0.02), random), place, frame: null };
}

const SIGN: Readonly<Record<AmountStyle, readonly string[]>> = {
  indian: ['₹', '₹', 'Rs.'],
  western: ['$', '£', ''],
  continental: ['€', 'EUR', '$', ''],
};

/** The printed box with what stands in it, cut out with some of its surroundings. */
function drawFramed(line: Line, style: AmountStyle, random: Random): Cut {
  const ink = inkExtent(line);
  const high = random.between(34, 72);
  const scale = Math.min((high * random.between(0.42, 0.9)) / Math.max(1.1, 0.85 * (ink.y1 - ink.y0)), 48);
  const sign = SIGN[style][random.below(SIGN[style].length)]!;
  const signHeight = Math.min(0.6 * high, scale * random.between(0.6, 1));
  const room = sign ? signHeight * (0.75 * sign.length + random.between(0.2, 1.2)) : 0;
  const wide = Math.max(
    high * random.between(2.5, 7),
    room + scale * (ink.x1 - ink.x0) * random.between(0.97, 1.3),
  );
  const margin = random.between(-0.06, 0.3) * high;
  const width = Math.max(24, Math.round(wide + 2 * margin));
  const height = Math.max(24, Math.round(high + 2 * margin));
  const base = random.between(0.55, 0.97);
  const canvas = drawPaper(width, height, base, random.between(4, 11), 0.2, random);
  const frame = { x0: margin, y0: margin, x1: margin + wide, y1: margin + high };
  const print = { tone: base * random.between(0.1, 0.6), width: random.between(0.8, 2) };
  drawFrame(canvas, frame, sign ? frame.x0 + room : null, print, random);
  if (sign) {
    const x = frame.x0 + random.between(0.05, 0.3) * signHeight;
    const y = frame.y0 + (high + signHeight) / 2;
    printText(canvas, sign, {
      x,
      y,
      height: signHeight,
      tone: print.tone,
      weight: random.between(0.08, 0.2),
    });
  }
  // Mostly within the frame; a large hand goes over its edges.
  const rise = Math.max(0, high - scale * (ink.y1 - ink.y0));
  const lift = Math.min(0, (high - scale * (ink.y1 - ink.y0)) / 2);
  const slack = Math.max(0, wide - room - scale * (ink.x1 - ink.x0));
  const place = {
    left: frame.x0 + room + random.uniform() * slack - scale * ink.x0,
    top: frame.y0 + rise * random.between(0.2, 0.8) - scale * ink.y0 + lift,
    scale,
  };
  const tone = base * drawTone(random);
  if (random.uniform() < 0.2) drawNeighbour(canvas, frame, scale, tone, random);
  drawTrace(canvas, line.trace, place, tone, random.between(1, 2));
  blur(canvas, random.between(0, 1.1));
  return { image: develop(canvas, random.between(0, 0.02), random), place, frame };
}

function drawFrame(
  canvas: Canvas,
  { x0, y0, x1, y1 }: Rectangle,
  divider: number | null,
  { tone, width }: { tone: number; width: number },
  random: Random,
): void {
  if (random.uniform() < 0.1) return;
  const tilt = 0.01 * (x1 - x0) * random.normal();
  drawLine(canvas, [x0, y0, x1, y0 + tilt], width, tone);
  drawLine(canvas, [x0, y1, x1, y1 + tilt], width, tone);
  drawLine(canvas, [x0, y0, x0, y1], width, tone);
  drawLine(canvas, [x1, y0 + tilt, x1, y1 + tilt], width, tone);
  if (divider !== null && random.uniform() < 0.5) drawLine(canvas, [divider, y0, divider, y1], width, tone);
}

/** The tail of a word from the line above that hangs into the box. */
function drawNeighbour(
  canvas: Canvas,
  frame: { x0: number; y0: number; x1: number },
  scale: number,
  tone: number,
  random: Random,
): void {
  const hand: Hand = { ...drawHand(random.at('above')), slope: 0 };
  const tails = ['9', '7', '/', '9 9', '1 7'][random.below(5)]!;
  const x = random.between(frame.x0, frame.x1);
  const top = frame.y0 + random.between(-0.3, 0.3) * scale;
  drawTrace(canvas, writeLine(tails, hand, random).trace, { left: x, top, scale: 0.8 * scale }, tone, 1.3);
}
