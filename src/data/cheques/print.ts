/** Printed text: a stroke font of capitals, figures and signs, for forms and their backgrounds. */
import { newTrace } from '../digits/pen.ts';
import { type Canvas, drawTrace } from './picture.ts';

/**
 * Strokes on a grid 4 wide and 6 high, y down, `|` between strokes: "04 44" is a line from (0, 4) to (4, 4).
 */
const FONT: Readonly<Record<string, string>> = {
  A: '06 20 46|14 34',
  B: '06 00 30 41 42 33 03|33 44 45 36 06',
  C: '41 30 10 01 05 16 36 45',
  D: '00 30 42 44 36 06 00',
  E: '40 00 06 46|03 33',
  F: '40 00 06|03 33',
  G: '41 30 10 01 05 16 36 45 43 23',
  H: '00 06|40 46|03 43',
  I: '20 26',
  J: '30 35 26 16 05',
  K: '00 06|40 03 46',
  L: '00 06 46',
  M: '06 00 23 40 46',
  N: '06 00 46 40',
  O: '10 30 41 45 36 16 05 01 10',
  P: '06 00 30 41 42 33 03',
  Q: '10 30 41 45 36 16 05 01 10|24 46',
  R: '06 00 30 41 42 33 03|23 46',
  S: '41 30 10 01 02 13 33 44 45 36 16 05',
  T: '00 40|20 26',
  U: '00 05 16 36 45 40',
  V: '00 26 40',
  W: '00 16 23 36 40',
  X: '00 46|40 06',
  Y: '00 23 40|23 26',
  Z: '00 40 06 46',
  '0': '10 30 41 45 36 16 05 01 10',
  '1': '11 20 26',
  '2': '01 10 30 41 42 06 46',
  '3': '01 10 30 41 42 33 44 45 36 16 05|13 33',
  '4': '36 30 04 44',
  '5': '40 00 03 33 44 45 36 16 05',
  '6': '41 30 10 01 05 16 36 45 44 33 03',
  '7': '00 40 16',
  '8': '10 30 41 42 33 13 02 01 10|13 04 05 16 36 45 44 33',
  '9': '43 13 02 01 10 30 41 45 36 16 05',
  '.': '25 26',
  ',': '25 17',
  '-': '13 33',
  '/': '06 40',
  ':': '22 22|25 25',
  '₹': '00 40|02 42|10 20 31 32 23 03 36',
  $: '41 30 10 01 02 13 33 44 45 36 16 05|2a 27',
  '€': '41 30 20 11 15 26 36 45|02 32|04 34',
  '£': '41 30 20 11 15 06 46|03 33',
  r: '13 16|14 23 33',
  s: '43 33 13 04 34 45 36 06',
};

export interface Print {
  /** Left end of the baseline, pixels. */
  readonly x: number;
  readonly y: number;
  /** Height of capitals, pixels. */
  readonly height: number;
  /** Reflectance of the ink, 0 = black. */
  readonly tone: number;
  /** Width of the strokes, heights of capitals. */
  readonly weight: number;
  /** Degrees the line rises, for text along an edge: 90 runs upwards. */
  readonly angle?: number;
}

/** Width of `text` in heights of capitals. */
export const printWidth = (text: string): number => text.length * ADVANCE;
/** A letter is 4/6 wide and has 0.2 to the next. */
const ADVANCE = 4 / 6 + 0.2;

/** Prints `text`; signs the font lacks are drawn as blanks. `s` and `r` are small, other letters capital. */
export function printText(canvas: Canvas, text: string, print: Print): void {
  const { x, y, height, tone, weight, angle = 0 } = print;
  const [c, s] = [Math.cos((angle * Math.PI) / 180), Math.sin((angle * Math.PI) / 180)];
  const trace = newTrace(24 * text.length);
  [...text].forEach((sign, i) => {
    for (const stroke of (FONT[sign] ?? FONT[sign.toUpperCase()] ?? '').split('|').filter(Boolean)) {
      stroke.split(' ').forEach((point, n) => {
        const u = i * ADVANCE + Number(point[0]) / 6;
        const v = point[1] === 'a' ? 7 / 6 : 1 - Number(point[1]) / 6;
        const at = trace.length++;
        trace.x[at] = u * c - v * s;
        trace.y[at] = -u * s - v * c;
        trace.radius[at] = weight / 2;
        trace.up[at] = n === 0 ? 1 : 0;
      });
    }
  });
  drawTrace(canvas, trace, { left: x, top: y, scale: height }, tone, 1);
}
