/** The ranges by which the calculator judges a dose are those of the library's cards. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { BOLUS_DRUGS, INFUSION_DRUGS } from '../../../src/dose/drugs.ts';

interface CardDose {
  readonly route: string;
  readonly low: number;
  readonly high: number;
  readonly unit: string;
}
const cards = JSON.parse(
  readFileSync(new URL('../../../public/library/drugs.json', import.meta.url), 'utf8'),
) as readonly { readonly id: string; readonly doses?: readonly CardDose[] }[];

/** `µg/(kg·min)` on a card is `µg/kg/min` in the calculator. */
const plain = (unit: string) => unit.replace(/\((\w+)·(\w+)\)/, '$1/$2');

const MICROGRAMS: Readonly<Record<string, number>> = { µg: 1, mg: 1000 };

/** A card's number in the calculator's unit; null where only the mass may differ and more does. */
function converted(value: number, from: string, to: string): number | null {
  const [fromMass = '', ...fromRest] = plain(from).split('/');
  const [toMass = '', ...toRest] = to.split('/');
  const ratio = (MICROGRAMS[fromMass] ?? NaN) / (MICROGRAMS[toMass] ?? NaN);
  return fromRest.join('/') === toRest.join('/') && Number.isFinite(ratio) ? value * ratio : null;
}

const ENTRIES = [
  ...BOLUS_DRUGS.map((drug) => ({ ...drug, routes: ['iv'] })),
  // What is given over ten minutes by weight stands as an infusion on the cards.
  ...INFUSION_DRUGS.map((drug) => ({ ...drug, routes: ['iv-infusion'] })),
];

describe.for(ENTRIES)('$id in $unit', ({ id, unit, usual, refuse, routes }) => {
  const card = cards.find((candidate) => candidate.id === id);
  const doses = (card?.doses ?? []).flatMap(({ route, low, high, unit: own }) => {
    const range = { low: converted(low, own, unit), high: converted(high, own, unit) };
    const isInfusedBolus = route === 'iv-infusion' && /^[^/]+\/kg$/.test(unit);
    if (range.low === null || range.high === null || !(routes.includes(route) || isInfusedBolus)) return [];
    return [{ low: range.low, high: range.high }];
  });

  test('has a card with doses in that unit', () => {
    expect(doses, JSON.stringify(card?.doses)).not.toEqual([]);
  });

  test('calls nothing usual that is more than its card says, and refuses nothing that is not', () => {
    const low = Math.min(...doses.map((dose) => dose.low));
    const high = Math.max(...doses.map((dose) => dose.high));
    const said = `the card says ${low} to ${high}, the calculator ${usual.join(' to ')}, refused above ${refuse}`;
    const rounding = 1e-9;
    expect(usual[1], said).toBeLessThanOrEqual(high + rounding);
    expect(usual[1], said).toBeGreaterThanOrEqual(low);
    expect(usual[0], said).toBeLessThanOrEqual(high);
    expect(refuse, said).toBeGreaterThanOrEqual(high);
  });
});
