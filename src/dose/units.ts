/**
 * Numbers that carry their unit in their type. A value is finite and not negative from here on: what is not is refused
 * where it is made, so that no result can be NaN.
 */
export const UNITS = [
  'kg',
  'cm',
  'year',
  'kg/m²',
  'mg',
  'µg',
  'mL',
  'mg/kg',
  'µg/kg',
  'mg/mL',
  'µg/mL',
  '%',
  'µg/kg/min',
  'µg/kg/h',
  'mg/kg/h',
  'mL/h',
  'mg/h',
  'mL/kg',
  'g/L',
] as const;
export type Unit = (typeof UNITS)[number];

declare const unitOf: unique symbol;
export type Quantity<U extends Unit> = number & { readonly [unitOf]: U };

export type Kilograms = Quantity<'kg'>;
export type Centimetres = Quantity<'cm'>;
export type Years = Quantity<'year'>;
export type Milligrams = Quantity<'mg'>;
export type Micrograms = Quantity<'µg'>;
export type Millilitres = Quantity<'mL'>;
export type MilligramsPerKg = Quantity<'mg/kg'>;
export type MicrogramsPerKg = Quantity<'µg/kg'>;
export type MilligramsPerMillilitre = Quantity<'mg/mL'>;
export type MicrogramsPerMillilitre = Quantity<'µg/mL'>;
export type MicrogramsPerKgPerMinute = Quantity<'µg/kg/min'>;
export type MillilitresPerHour = Quantity<'mL/h'>;
export type MilligramsPerHour = Quantity<'mg/h'>;
export type GramsPerLitre = Quantity<'g/L'>;

/** A value that is no quantity: not finite, or below zero. */
export class QuantityError extends RangeError {
  override readonly name = 'QuantityError';
  constructor(
    readonly value: number,
    readonly unit: Unit,
  ) {
    super(`${value} ${unit} is no quantity: it must be finite and not negative`);
  }
}

/** The value in that unit. @throws QuantityError if it is NaN, infinite or negative */
export function quantity<U extends Unit>(value: number, unit: U): Quantity<U> {
  if (!Number.isFinite(value) || value < 0) throw new QuantityError(value, unit);
  return value as Quantity<U>;
}

const MICROGRAMS_PER_MILLIGRAM = 1000;
const MINUTES_PER_HOUR = 60;

export const toMicrograms = (mass: Milligrams): Micrograms => quantity(mass * MICROGRAMS_PER_MILLIGRAM, 'µg');
export const toMilligrams = (mass: Micrograms): Milligrams => quantity(mass / MICROGRAMS_PER_MILLIGRAM, 'mg');

/** 1 % is 1 g in 100 mL, that is 10 mg/mL. */
export const percentToMilligramsPerMillilitre = (percent: Quantity<'%'>): MilligramsPerMillilitre =>
  quantity(percent * 10, 'mg/mL');

export const DOSE_RATE_UNITS = ['µg/kg/min', 'µg/kg/h', 'mg/kg/h'] as const;
export type DoseRateUnit = (typeof DOSE_RATE_UNITS)[number];

/** µg/kg/min in one of the given unit. */
const RATE_FACTOR: Readonly<Record<DoseRateUnit, number>> = {
  'µg/kg/min': 1,
  'µg/kg/h': 1 / MINUTES_PER_HOUR,
  'mg/kg/h': MICROGRAMS_PER_MILLIGRAM / MINUTES_PER_HOUR,
};

/** A dose rate with the unit in which it was given. */
export type DoseRate = {
  readonly [U in DoseRateUnit]: { readonly value: Quantity<U>; readonly unit: U };
}[DoseRateUnit];

export const toMicrogramsPerKgPerMinute = ({ value, unit }: DoseRate): MicrogramsPerKgPerMinute =>
  quantity(value * RATE_FACTOR[unit], 'µg/kg/min');

export const fromMicrogramsPerKgPerMinute = <U extends DoseRateUnit>(
  rate: MicrogramsPerKgPerMinute,
  unit: U,
): Quantity<U> => quantity(rate / RATE_FACTOR[unit], unit);
