import fc from 'fast-check';
import { expect, test } from 'vitest';
import { syntheticAmount } from '../../../src/data/cheques/amount.ts';
import { formatAmount, type Grouping, parseAmount } from '../../../src/vision/cheque/amount.ts';

const groupings: readonly Grouping[] = ['indian', 'western', 'continental'];
const before = fc.constantFrom('', '**', '=', '- ', '#');
const after = fc.constantFrom('', '/-', '-', '=', '**', '.-', ' /-', '/=', '.', ',-');

test('whatever is formatted is read back, with strokes around it, with and without the grouping told', () => {
  fc.assert(
    fc.property(
      fc.maxSafeNat(),
      fc.constantFrom(...groupings),
      fc.boolean(),
      before,
      after,
      (minor, grouping, told, start, end) => {
        const text = start + formatAmount(minor, grouping) + end;
        const amount = parseAmount(text, told ? { grouping } : {});
        expect(amount.minor).toBe(minor);
        expect(amount.groupings).toContain(grouping);
        expect(amount.regular).toBe(true);
      },
    ),
  );
});

test('whole amounts without a fraction are read back', () => {
  fc.assert(
    fc.property(fc.nat(10 ** 12), fc.constantFrom(...groupings), after, (units, grouping, end) => {
      const text = formatAmount(units, grouping, 0) + end;
      expect(parseAmount(text).minor).toBe(100 * units);
      expect(parseAmount(text, { grouping, fractionDigits: 0 })).toMatchObject({
        minor: units,
        regular: true,
      });
      expect(parseAmount(`${units}${end}`)).toMatchObject({ minor: 100 * units, groupings });
    }),
  );
});

test('any text is either an amount or refused with a hint', () => {
  const signs = fc.array(fc.constantFrom(..."0123456789.,/-=* '"), { maxLength: 14 });
  fc.assert(
    fc.property(signs, (list) => {
      const text = list.join('');
      let amount: ReturnType<typeof parseAmount>;
      try {
        amount = parseAmount(text);
      } catch (error) {
        expect((error as Error).message).toContain('Correct the digits by hand');
        return;
      }
      expect(amount.digits).toBe(text.replace(/\D/g, ''));
      expect([amount.digits, `${amount.digits}00`].map(Number)).toContain(amount.minor);
    }),
  );
});

test.each([
  ['44,20,000/-', 442000000, true],
  ['25000000/-', 2500000000, true],
  ['712,000/-', 71200000, true],
  ['55,60000/-', 556000000, false],
  ['1,0870000/-', 1087000000, false],
  ['510,00,000/-', 5100000000, false],
  ['5.000-', 500000, true],
  ['3.686.907.', 368690700, true],
  ['1.250,75', 125075, true],
  ['1 250,75', 125075, true],
  ["1'250.75", 125075, true],
  ['12,50', 1250, true],
  ['1,25,00', 1250000, false],
])('%s', (text, minor, regular) => {
  expect(parseAmount(text)).toMatchObject({ minor, regular });
});

test('the told grouping decides what is ambiguous', () => {
  expect(parseAmount('12,50', { grouping: 'indian' })).toMatchObject({ minor: 125000, regular: false });
  expect(parseAmount('12,50', { grouping: 'continental' })).toMatchObject({ minor: 1250, regular: true });
  expect(parseAmount('1.250', { grouping: 'western' })).toMatchObject({ minor: 125000, regular: false });
});

test('no digits, other signs, too much money', () => {
  for (const text of ['', '/-', '12/50', '1..5']) expect(() => parseAmount(text)).toThrow(/is no amount/);
  expect(() => parseAmount('9'.repeat(17))).toThrow('more money');
});

test('digits of synthetic amounts', () => {
  for (let i = 0; i < 60; i++) {
    const { text, digits, style } = syntheticAmount(3, i, { cut: 'tight' });
    expect(parseAmount(text, { grouping: style }).digits).toBe(digits);
  }
});
