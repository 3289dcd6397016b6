/** Printed forms: where things stand on cheques of different countries. Lengths are in widths of the cheque. */
import type { Random } from '../../core/random.ts';
import { type Canvas, drawLine, shade } from './picture.ts';
import { printText, printWidth } from './print.ts';
import type { AmountStyle } from './text.ts';

export interface Field {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

export interface Form {
  /** Width by height. */
  readonly aspect: number;
  /** The frame of the amount, and how much of it the printed sign takes at the left. */
  readonly amount: Field;
  readonly signRoom: number;
  /** Handwriting: words and one digit a cell. */
  readonly words: readonly Field[];
  readonly cells: readonly Field[];
  /** Areas without background print. */
  readonly bands: readonly Field[];
  readonly prints: readonly Print[];
}

type Print = (canvas: Canvas, unit: number) => void;

/** Collects the parts of a form; every call draws later, when the size in pixels is known. */
class Press {
  readonly prints: Print[] = [];
  constructor(
    readonly tone: number,
    readonly weight: number,
  ) {}

  text(text: string, x: number, y: number, height: number, weight = this.weight, angle = 0): void {
    this.prints.push((canvas, unit) =>
      printText(canvas, text, {
        x: x * unit,
        y: y * unit,
        height: height * unit,
        tone: this.tone,
        weight,
        angle,
      }),
    );
  }

  /** A line of width `thick` pixels on a cheque 1000 pixels wide; `dash` is the period of a broken one. */
  line(x0: number, y0: number, x1: number, y1: number, thick = 1, dash = 0): void {
    this.prints.push((canvas, unit) => {
      const width = Math.max(0.7, (thick * unit) / 1000);
      const steps = dash > 0 ? Math.max(1, Math.round(Math.hypot(x1 - x0, y1 - y0) / dash)) : 1;
      const share = dash > 0 ? 0.6 : 1;
      for (let i = 0; i < steps; i++) {
        const [a, b] = [i / steps, (i + share) / steps];
        const at = (t: number): [number, number] => [
          (x0 + t * (x1 - x0)) * unit,
          (y0 + t * (y1 - y0)) * unit,
        ];
        drawLine(canvas, [...at(a), ...at(b)], width, this.tone);
      }
    });
  }

  frame({ x, y, w, h }: Field, thick = 1): void {
    this.line(x, y, x + w, y, thick);
    this.line(x, y + h, x + w, y + h, thick);
    this.line(x, y, x, y + h, thick);
    this.line(x + w, y, x + w, y + h, thick);
  }

  block({ x, y, w, h }: Field, strength: number): void {
    this.prints.push((canvas, unit) =>
      shade(canvas, () => 1, strength, {
        x0: x * unit,
        y0: y * unit,
        x1: (x + w) * unit,
        y1: (y + h) * unit,
      }),
    );
  }
}

const BANKS = [
  'NORTHERN TRUST BANK',
  'BANCO DEL LAGO',
  'UNITED SAVINGS',
  'SPARBANK',
  'BHARAT BANK',
  'CITY UNION',
];
const STREETS = ['12 STATION ROAD', '4-1-320 MARKET STREET', 'AV. CENTRAL 1180', 'IFSC: LENS0003011'];
const pick = <T>(random: Random, list: readonly T[]): T => list[random.below(list.length)] as T;

const SIGNS: Readonly<Record<AmountStyle, readonly string[]>> = {
  indian: ['₹', '₹', 'Rs.'],
  western: ['$', '$', '£'],
  continental: ['€', 'EUR', '$'],
};

/** A form of the style's country, its parts moved about a little. */
export function drawForm(style: AmountStyle, random: Random): Form {
  const aspect = style === 'indian' ? random.between(2.1, 2.25) : random.between(2.0, 2.6);
  const tall = 1 / aspect;
  const press = new Press(random.between(0.05, 0.4), random.between(0.1, 0.2));
  const heading = random.between(0.018, 0.03);
  press.text(pick(random, BANKS), random.between(0.05, 0.14), 0.06, heading, 0.18);
  press.text(pick(random, STREETS), random.between(0.06, 0.2), 0.085, 0.011);
  press.block({ x: 0.02, y: 0.02, w: random.between(0.02, 0.05), h: 0.045 }, random.between(0, 0.8));
  const amount = amountField(style, tall, random);
  const dated = dateField(press, style, random);
  const words = wordLines(press, style, amount, tall, random);
  const signRoom = signOf(press, style, amount, random);
  const signature = { x: random.between(0.62, 0.72), y: 0.76 * tall, w: 0.22, h: 0.03 };
  press.line(0.6, 0.84 * tall, 0.95, 0.84 * tall, 1);
  press.text(
    pick(random, ['SIGNATURE', 'AUTHORISED SIGNATORY', 'PLEASE SIGN ABOVE']),
    0.66,
    0.875 * tall,
    0.01,
  );
  extras(press, style, tall, random);
  const band = { x: 0, y: 0.88 * tall, w: 1, h: 0.12 * tall };
  codeLine(press, 0.95 * tall, random);
  const bands = random.uniform() < 0.7 ? [band] : [];
  if (random.uniform() < 0.3) bands.push({ x: 0, y: 0, w: 1, h: 0.2 * tall });
  return {
    aspect,
    amount,
    signRoom,
    words: [...words, signature, ...dated.words],
    cells: dated.cells,
    bands,
    prints: press.prints,
  };
}

function amountField(style: AmountStyle, tall: number, random: Random): Field {
  const w = style === 'indian' ? random.between(0.22, 0.3) : random.between(0.16, 0.3);
  const h = random.between(0.04, 0.062);
  const right = random.between(0.94, 0.975);
  const middle =
    style === 'continental' && random.uniform() < 0.4
      ? random.between(0.16, 0.26)
      : random.between(0.33, 0.46);
  return { x: right - w, y: middle * tall, w, h };
}

function dateField(
  press: Press,
  style: AmountStyle,
  random: Random,
): { words: readonly Field[]; cells: readonly Field[] } {
  if (style !== 'indian') {
    const y = random.between(0.055, 0.075);
    press.text('DATE', 0.62, y, 0.012);
    press.line(0.67, y, 0.85, y, 1);
    return { words: [{ x: 0.68, y: y - 0.024, w: 0.14, h: 0.022 }], cells: [] };
  }
  const size = random.between(0.022, 0.026);
  const x0 = random.between(0.72, 0.76);
  const y = random.between(0.03, 0.045);
  const cells = Array.from({ length: 8 }, (_, i) => ({ x: x0 + i * size, y, w: size, h: size * 1.1 }));
  for (const cell of cells) press.frame(cell);
  press.text('D D M M Y Y Y Y', x0 + 0.004, y + 0.042, 0.0115);
  return { words: [], cells };
}

/** Lines for the payee and the amount in words; the last one ends before the frame. */
function wordLines(press: Press, style: AmountStyle, amount: Field, tall: number, random: Random): Field[] {
  const dash = random.uniform() < 0.4 ? random.between(0.003, 0.012) : 0;
  const thick = random.between(0.8, 1.8);
  const below = amount.y + amount.h + 0.03;
  const high = amount.y < 0.28 * tall;
  const payee = high ? below : amount.y - random.between(0.065, 0.075);
  const first = high || style === 'western' ? below + (high ? 0.05 : 0) : amount.y - 0.012;
  const second = high || style === 'western' ? first + 0.05 : amount.y + amount.h - 0.005;
  const label = style === 'indian' ? 'RUPEES' : style === 'western' ? 'PAY TO THE' : 'PAGUESE A';
  press.text('PAY', 0.03, payee, 0.013);
  press.line(0.09, payee, 0.82, payee, thick, dash);
  press.text(label, 0.03, first, 0.013);
  press.line(0.12, first, 0.93, first, thick, dash);
  press.line(0.03, second, second > below ? 0.93 : amount.x - 0.05, second, thick, dash);
  const hand = random.between(0.018, 0.028);
  return [
    { x: 0.14, y: payee - hand - 0.003, w: random.between(0.2, 0.4), h: hand },
    { x: 0.16, y: first - hand - 0.003, w: random.between(0.3, 0.62), h: hand },
  ];
}

/** The frame of the amount and the currency's sign in it or before it; how much of the frame the sign takes. */
function signOf(press: Press, style: AmountStyle, amount: Field, random: Random): number {
  press.frame(amount, random.between(0.8, 2.2));
  if (random.uniform() < 0.25) press.block(amount, random.between(0.03, 0.12));
  const sign = pick(random, SIGNS[style]);
  const size = amount.h * random.between(0.4, 0.65);
  const baseline = amount.y + amount.h / 2 + size / 2;
  const outside = style === 'western' ? random.uniform() < 0.6 : random.uniform() < 0.15;
  const long = size * printWidth(sign);
  if (outside) {
    press.text(sign, amount.x - long - 0.004, baseline, size);
    return 0.006;
  }
  press.text(sign, amount.x + random.between(0.004, 0.012), baseline, size);
  const room = 0.012 + long;
  if (random.uniform() < 0.5) press.line(amount.x + room, amount.y, amount.x + room, amount.y + amount.h, 1);
  return room + 0.004;
}

/** What else is printed on cheques and looks like frames and rules. */
function extras(press: Press, style: AmountStyle, tall: number, random: Random): void {
  press.frame({ x: 0.04, y: 0.7 * tall, w: random.between(0.18, 0.3), h: random.between(0.035, 0.06) }, 0.8);
  press.text(style === 'indian' ? 'A/C NO.' : 'MEMO', 0.05, 0.69 * tall, 0.01);
  press.text('PAYABLE AT PAR AT ALL BRANCHES', random.between(0.1, 0.3), 0.86 * tall, 0.01);
  if (style === 'indian') press.text('OR BEARER', 0.86, 0.24 * tall, 0.012);
  if (random.uniform() < 0.3) {
    let x = 0.965;
    for (; x < 0.985; x += random.between(0.002, 0.005)) press.line(x, 0.45 * tall, x, 0.7 * tall, 2);
  }
  if (random.uniform() < 0.5) press.text('LENSLET PRESS CTS 2010', 0.02, 0.7 * tall, 0.008, 0.12, 90);
}

/** Figures in the clear band at the bottom edge. */
function codeLine(press: Press, y: number, random: Random): void {
  const figures = (n: number): string => Array.from({ length: n }, () => random.below(10)).join('');
  const text = `-${figures(6)}- ${figures(9)}: ${figures(6)}- ${figures(2)}`;
  press.text(text, random.between(0.15, 0.3), y, 0.018, 0.16);
}
