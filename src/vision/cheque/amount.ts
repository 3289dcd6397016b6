/** From the signs of an amount line to a sum of money. */
import { check } from '../../core/error.ts';

/** 1,25,00,000.00 · 1,250,000.00 · 1.250.000,00 */
export type Grouping = 'indian' | 'western' | 'continental';

export interface AmountFormat {
  /** How amounts are written where the cheque comes from; found out from the signs where absent. */
  readonly grouping?: Grouping;
  /** Digits of the currency's fraction: 2 for rupees, dollars, euros; 0 for pesos of Chile, yen. */
  readonly fractionDigits?: number;
}

export interface Amount {
  /** All digits as written, those of a fraction included. */
  readonly digits: string;
  /** In the currency's smallest unit. */
  readonly minor: number;
  /** The groupings that the separators obey; all three where there are none. */
  readonly groupings: readonly Grouping[];
  /** False where the separators contradict each other, so that a digit or separator may be misread. */
  readonly regular: boolean;
}

/** Signs that fill the line before and after the number: `**1,250.00**`, `500/-`, `500.-`, `=500=`. */
const FILL = /^[\s*=#/\-.,']+|[\s*=#/\-.,']+$/g;
const LOCALES: Readonly<Record<Grouping, string>> = {
  indian: 'en-IN',
  western: 'en-US',
  continental: 'de-DE',
};
const GROUPINGS = Object.keys(LOCALES) as Grouping[];

/**
 * The sum that a line says. What separates the last one or two digits is the fraction's point, unless the
 * grouping forbids it; any other separator sets groups apart, also where it stands in the wrong place.
 * @param text digits, `. , '` and blanks between them, strokes and stars around them
 * @throws LensletError `format` where there is no digit or something else between them, `value` above 2⁵³ − 1
 */
export function parseAmount(text: string, { grouping, fractionDigits = 2 }: AmountFormat = {}): Amount {
  const number = text.replace(FILL, '');
  check(
    /^\d+(?:\s*[.,']\s*\d+|\s+\d+)*$/.test(number),
    'format',
    () => `"${text}" is no amount: digits with separators were expected. Correct the digits by hand.`,
  );
  const groups = number.split(/\D+/);
  const marks = [...number.matchAll(/\D+/g)].map(([mark]) => mark.trim() || ' ');
  const fraction = hasFraction(groups, marks, grouping, fractionDigits) ? (groups.pop() as string) : '';
  const point = fraction ? (marks.pop() as string) : '';
  const groupings = GROUPINGS.filter((g) => obeys(g, groups, marks, point));
  const digits = groups.join('') + fraction;
  const minor = Number(digits) * 10 ** (fractionDigits - fraction.length);
  check(
    Number.isSafeInteger(minor),
    'value',
    () => `"${text}" is more money than can be counted exactly. Correct the digits by hand.`,
  );
  const regular = groupings.length > 0 && (grouping === undefined || groupings.includes(grouping));
  return { digits, minor, groupings, regular };
}

function hasFraction(
  groups: readonly string[],
  marks: readonly string[],
  grouping: Grouping | undefined,
  fractionDigits: number,
): boolean {
  const mark = marks.at(-1);
  const length = groups.at(-1)!.length;
  if (mark === undefined || mark === ' ' || mark === "'" || length !== fractionDigits) return false;
  if (grouping) return mark === (grouping === 'continental' ? ',' : '.');
  // 1,25,00 may be a slip in 1,25,000; 1,250.00 and 1250,00 may not.
  return marks.length === 1 || mark === '.' || marks[0] !== mark;
}

/** Whether whole part and point are as this grouping has them; no separators at all are as well. */
function obeys(
  grouping: Grouping,
  groups: readonly string[],
  marks: readonly string[],
  point: string,
): boolean {
  const [comma, dot] = grouping === 'continental' ? ['.', ','] : [',', '.'];
  if (point && point !== dot) return false;
  if (!marks.every((mark) => mark === marks[0] && (mark === comma || mark === ' ' || mark === "'")))
    return false;
  const sizes = groups.map((g) => g.length);
  const middle = grouping === 'indian' ? 2 : 3;
  return (
    marks.length === 0 ||
    (sizes.at(-1) === 3 && sizes[0]! <= middle && sizes.slice(1, -1).every((s) => s === middle))
  );
}

/** `minor` as it is written with this grouping, 125000000 → 12,50,000.00. */
export function formatAmount(minor: number, grouping: Grouping, fractionDigits = 2): string {
  // The number is passed as text: digits of a double may change by dividing.
  const digits = String(minor).padStart(fractionDigits + 1, '0');
  const whole = BigInt(digits.slice(0, digits.length - fractionDigits));
  const point = grouping === 'continental' ? ',' : '.';
  const grouped = new Intl.NumberFormat(LOCALES[grouping]).format(whole);
  return grouped + (fractionDigits > 0 ? point + digits.slice(-fractionDigits) : '');
}
