/** Amounts as people write them. */
import type { Random } from '../../core/random.ts';

/** How thousands and fractions are set apart: 1,25,00,000/- · 1,250,000.00 · 1.250.000,00. */
export type AmountStyle = 'indian' | 'western' | 'continental';
export const AMOUNT_STYLES: readonly AmountStyle[] = ['indian', 'western', 'continental'];

export interface AmountText {
  readonly style: AmountStyle;
  /** All digits as written, those of a fraction included. */
  readonly digits: string;
  readonly text: string;
}

const choose = (random: Random, choices: readonly (readonly [number, string])[]): string => {
  let left = random.uniform() * choices.reduce((sum, [w]) => sum + w, 0);
  return (choices.find(([w]) => (left -= w) < 0) ?? choices[0]!)[1];
};

const LENGTHS: readonly (readonly [number, string])[] = [
  [0.02, '1'],
  [0.04, '2'],
  [0.12, '3'],
  [0.22, '4'],
  [0.28, '5'],
  [0.18, '6'],
  [0.1, '7'],
  [0.04, '8'],
];

/** A whole number of `length` digits, often a round one. */
function drawNumber(random: Random, length: number): string {
  const round = random.uniform() < 0.45 ? random.below(length) : 0;
  let digits = String(1 + random.below(9));
  while (digits.length < length) digits += digits.length >= length - round ? '0' : String(random.below(10));
  return digits;
}

/** Groups of three from the right; `indian`: the last of three, the others of two. */
export function groupDigits(digits: string, separator: string, indian = false): string {
  return indian
    ? digits.replace(/\B(?=(\d\d)*\d{3}$)/g, separator)
    : digits.replace(/\B(?=(\d{3})+$)/g, separator);
}

export function drawAmountText(random: Random, style: AmountStyle): AmountText {
  const length = Number(choose(random, LENGTHS)) + (style === 'indian' ? random.below(3) : 0);
  const whole = drawNumber(random, length);
  const cents = choose(random, [
    [6, '00'],
    [2, String(random.below(90) + 10)],
    [2, `${random.below(10)}${random.below(10)}`],
  ]);
  if (style === 'indian') {
    const grouped = groupDigits(whole, ',', random.uniform() < 0.9);
    // A comma is forgotten now and then.
    const loose = random.uniform() < 0.12 ? grouped.replace(',', '') : grouped;
    const written = random.uniform() < 0.82 ? loose : whole;
    const fraction = random.uniform() < 0.06 ? cents : '';
    const end = fraction
      ? choose(random, [
          [1, ''],
          [1, '/-'],
        ])
      : choose(random, [
          [8, '/-'],
          [1.5, ''],
          [0.7, '/='],
          [0.5, '-'],
          [0.3, '='],
        ]);
    return { style, digits: whole + fraction, text: written + (fraction && `.${fraction}`) + end };
  }
  const [group, point] = style === 'western' ? [',', '.'] : ['.', ','];
  const separator = choose(random, [
    [7, group],
    [1, ' '],
    [2.5, ''],
  ]);
  const fraction = random.uniform() < (style === 'western' ? 0.65 : 0.2) ? cents : '';
  const start =
    random.uniform() < 0.04
      ? choose(random, [
          [1, '**'],
          [1, '='],
          [1, '-'],
          [0.5, '*'],
        ])
      : '';
  const end = choose(random, [
    [6, ''],
    [1.5, '-'],
    [1, '.-'],
    [0.8, '='],
    [0.8, '.'],
    [0.4, '**'],
    [0.3, ',-'],
    [0.3, '/'],
  ]);
  const trail = fraction && /^[.,]/.test(end) ? '' : end;
  return {
    style,
    digits: whole + fraction,
    text: start + groupDigits(whole, separator) + (fraction && point + fraction) + trail,
  };
}
