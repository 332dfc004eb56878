/** Whose dose it is, and whether age, weight and height can belong to one person (80 kg typed as 8 or as 800). */
import type { Amount, Finding, FindingId } from './draft.ts';
import { input } from './draft.ts';
import { quantity } from './units.ts';
import type { Centimetres, Kilograms, Quantity, Unit, Years } from './units.ts';

export type Sex = 'male' | 'female';

export interface Patient {
  readonly age: Years;
  readonly sex: Sex;
  readonly weight: Kilograms;
  /** null: not known. */
  readonly height: Centimetres | null;
}

export const ADULT_AGE = 16;
const MONTH = 1 / 12;

export const isAdult = ({ age }: Pick<Patient, 'age'>): boolean => age >= ADULT_AGE;

export const bodyMassIndex = (weight: Kilograms, height: Centimetres): Quantity<'kg/m²'> =>
  quantity(weight / (height / 100) ** 2, 'kg/m²');

/**
 * Weight expected at an age below 16, for plausibility only (APLS: (months / 2) + 4, 2 × years + 8, 3 × years + 7).
 */
export function expectedWeight(age: Years): Kilograms {
  if (age < 1) return quantity((age * 12) / 2 + 4, 'kg');
  if (age < 6) return quantity(2 * age + 8, 'kg');
  return quantity(3 * age + 7, 'kg');
}

interface Range {
  readonly usual: readonly [low: number, high: number];
  readonly possible: readonly [low: number, high: number];
}

/** From here on the old get less. */
export const ELDERLY_AGE = 65;
/** Above it, weights differ enough to matter. */
export const OBESE_BMI = 35;

const ADULT_WEIGHT: Range = { usual: [40, 110], possible: [25, 350] };
const BMI: Range = { usual: [14, 40], possible: [9, 100] };
const HEIGHT: readonly [number, number] = [25, 250];
const MAX_AGE = 120;

function weightRange({ age }: Patient): Range {
  if (age >= ADULT_AGE) return ADULT_WEIGHT;
  const expected = expectedWeight(age);
  return {
    usual: [age < 3 * MONTH ? 2 : 0.6 * expected, 1.8 * expected],
    // Preterm infants weigh a few hundred grams.
    possible: [age < 3 * MONTH ? 0.4 : 0.35 * expected, 3.5 * expected],
  };
}

/** Usual values with the same digits: the decimal point off by one to three places (a newborn's grams). */
export const slipsOf = (
  value: number,
  [low, high]: readonly [number, number],
  factors: readonly number[] = [0.001, 0.01, 0.1, 10, 100],
): readonly number[] =>
  factors
    .map((factor) => Number((value * factor).toPrecision(6)))
    .filter((candidate) => candidate >= low && candidate <= high);

/** The finding for a value outside its range, if it is. */
function outside(
  value: number,
  unit: Unit,
  { usual, possible }: Range,
  ids: { readonly soft: FindingId; readonly hard: FindingId },
): readonly Finding[] {
  const beyond = ([low, high]: readonly [number, number]) => (value < low ? low : value > high ? high : null);
  const hard = beyond(possible);
  if (hard !== null)
    return [{ id: ids.hard, severity: 'hard', value, bound: hard, unit, source: 'refusal-line' }];
  const soft = beyond(usual);
  return soft === null
    ? []
    : [{ id: ids.soft, severity: 'soft', value, bound: soft, unit, source: 'textbook' }];
}

export function checkPatient(patient: Patient): readonly Finding[] {
  const { age, weight, height } = patient;
  if (age > MAX_AGE) return [hardFinding('age-implausible', age, MAX_AGE, 'year')];
  if (weight === 0) return [hardFinding('weight-zero', 0, null, 'kg')];
  const range = weightRange(patient);
  const ids = { soft: 'weight-unusual', hard: 'weight-implausible' } as const;
  const findings: Finding[] = outside(weight, 'kg', range, ids).map((finding) => ({
    ...finding,
    // A weight told in jin (斤) is twice the kilograms.
    meant: [
      ...slipsOf(weight, range.usual),
      ...(weight > range.usual[1] ? slipsOf(weight, range.usual, [0.5]) : []),
    ],
  }));
  // What follows from a weight that cannot be says nothing more.
  if (findings.some(isHard)) return findings;
  if (height !== null) {
    const [low, high] = HEIGHT;
    if (height < low || height > high)
      findings.push(hardFinding('height-implausible', height, height < low ? low : high, 'cm'));
    else if (isAdult(patient))
      findings.push(
        ...outside(bodyMassIndex(weight, height), 'kg/m²', BMI, {
          soft: 'bmi-unusual',
          hard: 'bmi-implausible',
        }),
      );
  }
  return findings;
}

export const isHard = ({ severity }: Finding): boolean => severity === 'hard';

export const hardFinding = (id: FindingId, value: number, bound: number | null, unit: Unit): Finding => ({
  id,
  severity: 'hard',
  value,
  bound,
  unit,
  source: 'refusal-line',
});
export const softFinding = (id: FindingId, value: number, bound: number | null, unit: Unit): Finding => ({
  id,
  severity: 'soft',
  value,
  bound,
  unit,
  source: 'textbook',
});

export function patientInputs({ age, weight, height }: Patient): readonly Amount[] {
  return [
    input('age', age, 'year'),
    input('actual-weight', weight, 'kg'),
    ...(height === null ? [] : [input('height', height, 'cm')]),
  ];
}
