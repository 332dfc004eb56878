/** What every calculation makes: values with names and units, how they came about, and the limits they pass. */
import { formatExact } from './format.ts';
import type { Quantity, Unit } from './units.ts';

export const CALCULATIONS = [
  'weights',
  'bolus',
  'infusion-rate',
  'infusion-dose',
  'anaesthetic',
  'blood',
  'fluids',
] as const;
export type CalculationId = (typeof CALCULATIONS)[number];

export const AMOUNT_NAMES = [
  'age',
  'height',
  'bmi',
  'actual-weight',
  'ideal-weight',
  'lean-weight',
  'adjusted-weight',
  'weight-used',
  'dose-per-kg',
  'dose',
  'volume',
  'concentration',
  'dose-rate',
  'amount-in-dilution',
  'volume-of-dilution',
  'pump-rate',
  'drug-per-hour',
  'maximum-per-kg',
  'maximum-dose',
  'already-given',
  'remaining-dose',
  'remaining-volume',
  'haemoglobin-start',
  'haemoglobin-lowest',
  'blood-per-kg',
  'blood-volume',
  'allowable-loss',
  'maintenance-rate',
] as const;
export type AmountName = (typeof AMOUNT_NAMES)[number];

/** A value with its name; numbers of different units may stand in one list, so the unit is data here. */
export interface Amount {
  readonly name: AmountName;
  readonly value: number;
  readonly unit: Unit;
  /** 'down': a maximum is never rounded up. */
  readonly rounding: 'nearest' | 'down' | 'exact';
}

export const input = <U extends Unit>(name: AmountName, value: Quantity<U>, unit: U): Amount => ({
  name,
  value,
  unit,
  rounding: 'exact',
});
export const result = <U extends Unit>(
  name: AmountName,
  value: Quantity<U>,
  unit: U,
  rounding: 'nearest' | 'down' = 'nearest',
): Amount => ({ name, value, unit, rounding });

/** For `worked` lines: a value as it was given or computed, with its unit. */
export const termOf = ({ value, unit }: { readonly value: number; readonly unit: Unit }): string =>
  `${formatExact(Number(value.toPrecision(6)))} ${unit}`;
export const term = <U extends Unit>(value: Quantity<U>, unit: U): string => termOf({ value, unit });

export const FORMULAS = [
  'devine-male',
  'devine-female',
  'janmahasatian-male',
  'janmahasatian-female',
  'adjusted',
  'bmi',
  'bolus',
  'infusion-rate',
  'infusion-dose',
  'anaesthetic',
  'gross',
  'four-two-one',
] as const;
export type FormulaId = (typeof FORMULAS)[number];

export const SOURCES = [
  'arithmetic',
  'textbook',
  'refusal-line',
  'devine-1974',
  'janmahasatian-2005',
  'gross-1983',
  'holliday-segar-1957',
] as const;
export type SourceId = (typeof SOURCES)[number];

export const FINDINGS = [
  'age-implausible',
  'weight-zero',
  'weight-unusual',
  'weight-implausible',
  'height-implausible',
  'bmi-unusual',
  'bmi-implausible',
  'formula-for-adults',
  'height-below-formula',
  'dose-below-usual',
  'dose-above-usual',
  'dose-above-elderly',
  'dose-refused',
  'strength-unusual',
  'weight-of-the-obese',
  'total-refused',
  'no-limit-known',
  'zero-divisor',
  'volume-large',
  'volume-tiny',
  'volume-refused',
  'rate-high',
  'rate-low',
  'rate-refused-high',
  'rate-refused-low',
  'concentration-refused',
  'infant-anaesthetic',
  'maximum-reached',
  'haemoglobin-implausible',
  'haemoglobin-order',
  'haemoglobin-low-target',
  'neonate-fluids',
] as const;
export type FindingId = (typeof FINDINGS)[number];

/** A limit that is passed. Soft: acknowledge with a reason. Hard: refused. */
export interface Finding {
  readonly id: FindingId;
  readonly severity: 'soft' | 'hard';
  readonly value: number;
  /** The bound that is passed; null where the limit is not a number. */
  readonly bound: number | null;
  readonly unit: Unit;
  readonly source: SourceId;
  /** Usual values that a slip of the decimal point turns into `value`: what may have been meant. */
  readonly meant?: readonly number[];
}

export interface Draft {
  readonly calculation: CalculationId;
  /** A drug's id where one was chosen. */
  readonly drug: string | null;
  readonly inputs: readonly Amount[];
  readonly results: readonly Amount[];
  /** The arithmetic with the numbers in it, one line per step. */
  readonly worked: readonly string[];
  readonly formulas: readonly FormulaId[];
  readonly sources: readonly SourceId[];
  readonly findings: readonly Finding[];
}
