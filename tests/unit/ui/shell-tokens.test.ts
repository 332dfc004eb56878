/** The tokens promise contrast: computed from the style sheet itself, by WCAG 2.2's formula. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

const css = readFileSync(new URL('../../../src/ui/tokens.css', import.meta.url), 'utf8');

function tokensOf(selector: string): Map<string, string> {
  const block = css.slice(css.indexOf(`${selector} {`));
  const body = block.slice(0, block.indexOf('\n}'));
  return new Map(
    [...body.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6})/g)].map(([, name, value]) => [name!, value!]),
  );
}

function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const channel = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

const INKS = ['ink', 'ink-2', 'ink-3'];
const GROUNDS = ['ground', 'surface', 'sunken', 'hover'];
const ON_OWN = [
  ['accent', 'accent-soft'],
  ['warn', 'warn-soft'],
  ['danger', 'danger-soft'],
  ['ok', 'ok-soft'],
  ['accent-ink', 'accent'],
  ['fill-ink', 'fill'],
  ['danger-ink', 'danger'],
  ['ink', 'mark'],
] as const;

describe.each([':root', "[data-theme='dark']"])('%s', (selector) => {
  const tokens = tokensOf(selector);
  const pairs = [
    ...[...INKS, 'accent', 'warn', 'danger', 'ok'].flatMap((ink) =>
      GROUNDS.map((ground) => [ink, ground] as const),
    ),
    ...ON_OWN,
  ];
  test.each(pairs)('%s on %s reads', (ink, ground) => {
    expect(tokens.has(ink) && tokens.has(ground)).toBe(true);
    expect(contrast(tokens.get(ink)!, tokens.get(ground)!)).toBeGreaterThanOrEqual(4.5);
  });
});

test('both themes decide the same colours', () => {
  expect([...tokensOf("[data-theme='dark']").keys()].sort()).toEqual([...tokensOf(':root').keys()].sort());
});
