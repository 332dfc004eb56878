import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatDown, formatExact, formatNearest } from '../../../src/dose/format.ts';
import { readNumber } from '../../../src/dose/number.ts';

const value = (text: string) => {
  const reading = readNumber(text);
  return reading.ok ? reading.value : reading.problem;
};

describe('a number is read', () => {
  test.each([
    ['80', 80],
    ['0', 0],
    [' 0.5 ', 0.5],
    ['８０', 80],
    ['０．５', 0.5],
    ['０，５', 0.5],
    ['1.5', 1.5],
    ['1,5', 1.5],
    ['1,25', 1.25],
    ['0,125', 0.125],
    ['0.125', 0.125],
    ['1.234', 1.234],
    ['1,2345', 1.2345],
    ['1234,567', 1234.567],
    ['12。5', 12.5],
    ['12｡5', 12.5],
    ['1234', 1234],
  ])('%s', (text, expected) => {
    expect(value(text)).toBe(expected);
  });
});

describe('what could be another number is refused', () => {
  test.each([
    ['', 'empty'],
    ['  ', 'empty'],
    ['1,234', 'ambiguous-comma'],
    ['１，２３４', 'ambiguous-comma'],
    ['12,345', 'ambiguous-comma'],
    ['123,456', 'ambiguous-comma'],
    ['1,234.5', 'ambiguous-comma'],
    ['1,234,567', 'ambiguous-comma'],
    ['05', 'leading-zero'],
    ['00.5', 'leading-zero'],
    ['.5', 'bare-point'],
    [',5', 'bare-point'],
    ['5.', 'bare-point'],
    ['5,', 'bare-point'],
    ['-5', 'negative'],
    ['－5', 'negative'],
    ['−0.5', 'negative'],
    ['1.2.3', 'not-a-number'],
    ['1 000', 'not-a-number'],
    ['1e3', 'not-a-number'],
    ['1E-3', 'not-a-number'],
    ['0x10', 'not-a-number'],
    ['NaN', 'not-a-number'],
    ['Infinity', 'not-a-number'],
    ['∞', 'not-a-number'],
    ['八十', 'not-a-number'],
    ['80kg', 'not-a-number'],
    ['+5', 'not-a-number'],
    ['½', 'not-a-number'],
    ['٥', 'not-a-number'],
    ['5。', 'bare-point'],
    ['1234567890', 'too-long'],
    ['0.123456789012', 'too-long'],
  ])('%s', (text, problem) => {
    expect(value(text)).toBe(problem);
  });

  test('any text gives a finite number that is not negative, or a problem', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'grapheme', maxLength: 12 }),
          fc.string({ unit: fc.constantFrom(...'0159.,。．，-−e ０９'), maxLength: 8 }),
        ),
        (text) => {
          const reading = readNumber(text);
          if (reading.ok) expect(Number.isFinite(reading.value) && reading.value >= 0).toBe(true);
        },
      ),
      { numRuns: 3000 },
    );
  });
});

const decimals = fc
  .tuple(fc.integer({ min: 0, max: 99_999 }), fc.integer({ min: 0, max: 4 }))
  .map(([digits, places]) => digits / 10 ** places);

test('what is shown as given is read as the same number, in both widths', () => {
  fc.assert(
    fc.property(decimals, (number) => {
      const shown = formatExact(number);
      expect(value(shown)).toBe(number);
      const wide = [...shown].map((sign) =>
        sign === '.' ? '．' : String.fromCharCode(sign.charCodeAt(0) + 0xfee0),
      );
      expect(value(wide.join(''))).toBe(number);
    }),
  );
});

test('a shown number has a digit before its point, no trailing zero, no exponent, no comma', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e6, noNaN: true }), (number) => {
      for (const shown of [formatNearest(number), formatDown(number), formatExact(number)])
        expect(shown).toMatch(/^(?:0|[1-9]\d*)(?:\.\d*[1-9])?$/);
    }),
  );
});

test('three significant digits; whole numbers keep theirs; a maximum is never rounded up', () => {
  expect(formatNearest(5.2549)).toBe('5.25');
  expect(formatNearest(0.05)).toBe('0.05');
  expect(formatNearest(5)).toBe('5');
  expect(formatNearest(10)).toBe('10');
  expect(formatNearest(1234.6)).toBe('1235');
  expect(formatDown(1999.9)).toBe('1999');
  expect(formatDown(31.57)).toBe('31.5');
  expect(formatDown(0.3 / 0.1)).toBe('3');
  fc.assert(
    fc.property(fc.double({ min: 1e-6, max: 1e6, noNaN: true }), (number) => {
      expect(Number(formatDown(number))).toBeLessThanOrEqual(number * (1 + 1e-8));
    }),
  );
});
