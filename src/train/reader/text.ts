/** Random amounts as people write them. */
import type { Random } from '../../core/random.ts';

/** Digits in groups from the right: of three, or after the first three of two (Indian). */
function group(digits: string, separator: string, isIndian: boolean): string {
  const groups: string[] = [];
  let rest = digits;
  while (rest.length > 0) {
    const size = isIndian && groups.length > 0 ? 2 : 3;
    groups.unshift(rest.slice(-size));
    rest = rest.slice(0, -size);
  }
  return groups.join(separator);
}

/** Stands in a text for a stroke behind the amount that is none of the marks: a crossed dash, a zigzag. */
export const FLOURISH = '~';

/** What stands behind an amount without decimals, as often as it is listed. */
const ENDINGS: readonly string[] = [
  ...['', '', '', '', '-', '-', '=', '.-', '/-', '*', '.', '.=', ',', ',-', ',=', FLOURISH, FLOURISH],
];
const INDIAN_ENDINGS: readonly string[] = [
  ...['/-', '/-', '/-', '/-', '/-', '/-', '', '', '-', '-', '/=', '/=', '.00', '.00', ',-', FLOURISH],
];

/** Up to nine digits, often with zeros at the end, in one of the world's groupings, with one of the usual endings. */
export function amountText(random: Random): string {
  const length = 1 + Math.min(random.below(9), random.below(9)) + (random.uniform() < 0.4 ? 1 : 0);
  const zeros = random.uniform() < 0.55 ? random.below(length) : 0;
  let digits = '';
  for (let i = 0; i < length - zeros; i++) digits += i === 0 ? 1 + random.below(9) : random.below(10);
  digits += '0'.repeat(zeros);
  const pick = <T>(list: readonly T[]): T => list[random.below(list.length)]!;
  const way = random.uniform();
  if (way < 0.25) return digits + pick(ENDINGS);
  if (way < 0.62) return group(digits, ',', true) + pick(INDIAN_ENDINGS);
  const separator = way < 0.81 ? '.' : ',';
  const cents = pick(['', '', '', '00', String(10 + random.below(90))]);
  const decimals = cents && digits.length <= 7 ? (separator === '.' ? ',' : '.') + cents : '';
  const stars = random.uniform() < 0.06 ? '*' : '';
  const ending = decimals ? pick(['', '', '-', '=']) : pick(ENDINGS);
  return stars + group(digits, separator, false) + decimals + ending;
}
