/** Figures stay on one line with their units, on cards above all. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { splitFigures } from '../../../src/ui/components/figures.ts';

const figures = (text: string) =>
  splitFigures(text)
    .filter(({ isFigure }) => isFigure)
    .map((part) => part.text);

describe('figures', () => {
  test.each([
    ['分钟通气量增至 2～3 倍', ['2～3 倍']],
    ['纯氧大流量（≥10 L/min）', ['≥10 L/min']],
    [
      '70 kg 以下 0.25 mL/(kg·min)，以上 200～250 mL（15～20 分钟）',
      ['70 kg', '0.25 mL/(kg·min)', '200～250 mL', '15～20 分钟'],
    ],
    ['按压 100～120 次/分，除颤 2 J/kg 起', ['100～120 次/分', '2 J/kg']],
    ['体温超过 39 °C；20% 脂肪乳', ['39 °C', '20%']],
    ['单人 30:2', ['30', '2']],
    ['没有数字', []],
  ])('%s', (text, expected) => {
    expect(figures(text)).toEqual(expected);
  });

  test('together the parts are the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const joined = splitFigures(text).map((part) => part.text);
        expect(joined.join('')).toBe(text);
      }),
    );
  });

  test('of crisis cards fit a narrow phone: at most 22 characters', () => {
    const cards = JSON.parse(readFileSync('public/library/crises.json', 'utf8')) as {
      steps: { text: string; detail?: string }[];
    }[];
    const found = cards.flatMap(({ steps }) =>
      steps.flatMap(({ text, detail }) => figures(text + (detail ?? ''))),
    );
    expect(found.length).toBeGreaterThan(100);
    expect(found.filter((figure) => figure.length > 22)).toEqual([]);
  });
});
