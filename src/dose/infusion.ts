/**
 * An infusion between its dose and its pump's rate, for a dilution.
 *
 *   rate (mL/h) = dose (µg/kg/min) × weight (kg) × 60 (min/h) ÷ concentration (µg/mL)
 */
import { input, result, term, termOf } from './draft.ts';
import type { Amount, Draft, Finding } from './draft.ts';
import type { InfusionDrug } from './drugs.ts';
import { checkPatient, hardFinding, isHard, patientInputs, softFinding } from './patient.ts';
import type { Patient } from './patient.ts';
import { judgeDose, judgeStrength } from './range.ts';
import { fromMicrogramsPerKgPerMinute, quantity, toMicrograms, toMicrogramsPerKgPerMinute } from './units.ts';
import type {
  DoseRate,
  DoseRateUnit,
  Kilograms,
  MicrogramsPerKgPerMinute,
  MicrogramsPerMillilitre,
  Milligrams,
  MilligramsPerHour,
  Millilitres,
  MillilitresPerHour,
} from './units.ts';

const MINUTES_PER_HOUR = 60;

/** @throws QuantityError if the volume is zero */
export const concentrationOf = (amount: Milligrams, volume: Millilitres): MicrogramsPerMillilitre =>
  quantity(toMicrograms(amount) / volume, 'µg/mL');

/** @throws QuantityError if the concentration is zero */
export const pumpRate = (
  dose: MicrogramsPerKgPerMinute,
  weight: Kilograms,
  concentration: MicrogramsPerMillilitre,
): MillilitresPerHour => quantity((dose * weight * MINUTES_PER_HOUR) / concentration, 'mL/h');

/** @throws QuantityError if the weight is zero */
export const doseRate = (
  rate: MillilitresPerHour,
  weight: Kilograms,
  concentration: MicrogramsPerMillilitre,
): MicrogramsPerKgPerMinute => quantity((rate * concentration) / weight / MINUTES_PER_HOUR, 'µg/kg/min');

/** What the pump gives of the drug; mg/h, and not what is set on it. */
export const drugPerHour = (
  rate: MillilitresPerHour,
  concentration: MicrogramsPerMillilitre,
): MilligramsPerHour => quantity((rate * concentration) / 1000, 'mg/h');

interface Dilution {
  readonly patient: Patient;
  /** null: a drug without known limits. */
  readonly drug: InfusionDrug | null;
  readonly amount: Milligrams;
  readonly volume: Millilitres;
}
export interface InfusionRateInput extends Dilution {
  readonly dose: DoseRate;
}
export interface InfusionDoseInput extends Dilution {
  readonly rate: MillilitresPerHour;
  /** In which the dose is wanted; a drug is judged in its own. */
  readonly unit: DoseRateUnit;
}

const RATE = { refuseBelow: 0.05, low: 0.5, high: 200, refuseAbove: 1200 } as const;
/** 1 g in 1 mL: no solution. */
const MAX_CONCENTRATION = 1_000_000;

function judgeRate(rate: MillilitresPerHour): readonly Finding[] {
  if (rate > RATE.refuseAbove) return [hardFinding('rate-refused-high', rate, RATE.refuseAbove, 'mL/h')];
  if (rate < RATE.refuseBelow) return [hardFinding('rate-refused-low', rate, RATE.refuseBelow, 'mL/h')];
  if (rate > RATE.high) return [softFinding('rate-high', rate, RATE.high, 'mL/h')];
  if (rate < RATE.low) return [softFinding('rate-low', rate, RATE.low, 'mL/h')];
  return [];
}

function judgeDilution({ patient, amount, volume }: Dilution): readonly Finding[] {
  const concentration = volume === 0 ? Number.POSITIVE_INFINITY : (amount * 1000) / volume;
  return [
    ...checkPatient(patient),
    ...(concentration === 0 || concentration > MAX_CONCENTRATION
      ? [hardFinding('concentration-refused', amount, null, 'mg')]
      : []),
  ];
}

const rateInput = ({ value, unit }: DoseRate): Amount => ({
  name: 'dose-rate',
  value,
  unit,
  rounding: 'exact',
});
const conversion: Readonly<Record<DoseRateUnit, string>> = {
  'µg/kg/min': '',
  'µg/kg/h': ' ÷ 60',
  'mg/kg/h': ' × 1000 ÷ 60',
};

const dilutionInputs = ({ patient, amount, volume }: Dilution): readonly Amount[] => [
  ...patientInputs(patient),
  input('amount-in-dilution', amount, 'mg'),
  input('volume-of-dilution', volume, 'mL'),
];

export function infusionRate(given: InfusionRateInput): Draft {
  const { patient, drug, dose, amount, volume } = given;
  if (drug && drug.unit !== dose.unit)
    throw new TypeError(`${drug.id} is judged in ${drug.unit}, not in ${dose.unit}`);
  const findings = [...judgeDilution(given), ...judgeDose(dose.value, dose.unit, drug)];
  const head = {
    calculation: 'infusion-rate',
    drug: drug?.id ?? null,
    inputs: [...dilutionInputs(given), rateInput(dose)],
    formulas: ['infusion-rate'],
    sources: ['arithmetic', 'textbook'],
  } as const;
  if (findings.some(isHard)) return { ...head, findings, results: [], worked: [] };
  const concentration = concentrationOf(amount, volume);
  const perMinute = toMicrogramsPerKgPerMinute(dose);
  const rate = pumpRate(perMinute, patient.weight, concentration);
  return {
    ...head,
    findings: [...findings, ...judgeStrength(concentration, 'µg/mL', drug?.strength), ...judgeRate(rate)],
    results: [
      result('pump-rate', rate, 'mL/h'),
      result('concentration', concentration, 'µg/mL'),
      result('drug-per-hour', drugPerHour(rate, concentration), 'mg/h'),
    ],
    worked: [
      `${term(amount, 'mg')} × 1000 ÷ ${term(volume, 'mL')} = ${term(concentration, 'µg/mL')}`,
      ...(conversion[dose.unit]
        ? [`${termOf(dose)}${conversion[dose.unit]} = ${term(perMinute, 'µg/kg/min')}`]
        : []),
      `${term(perMinute, 'µg/kg/min')} × ${term(patient.weight, 'kg')} × 60 ÷ ${term(concentration, 'µg/mL')} = ${term(rate, 'mL/h')}`,
    ],
  };
}

export function infusionDose(given: InfusionDoseInput): Draft {
  const { patient, drug, rate, amount, volume } = given;
  const unit = drug?.unit ?? given.unit;
  const findings = [...judgeDilution(given), ...judgeRate(rate)];
  const head = {
    calculation: 'infusion-dose',
    drug: drug?.id ?? null,
    inputs: [...dilutionInputs(given), input('pump-rate', rate, 'mL/h')],
    formulas: ['infusion-dose'],
    sources: ['arithmetic', 'textbook'],
  } as const;
  if (findings.some(isHard)) return { ...head, findings, results: [], worked: [] };
  const concentration = concentrationOf(amount, volume);
  const perMinute = doseRate(rate, patient.weight, concentration);
  const dose = fromMicrogramsPerKgPerMinute(perMinute, unit);
  return {
    ...head,
    findings: [
      ...findings,
      ...judgeStrength(concentration, 'µg/mL', drug?.strength),
      ...judgeDose(dose, unit, drug),
    ],
    results: [
      result('dose-rate', dose, unit),
      result('concentration', concentration, 'µg/mL'),
      result('drug-per-hour', drugPerHour(rate, concentration), 'mg/h'),
    ],
    worked: [
      `${term(amount, 'mg')} × 1000 ÷ ${term(volume, 'mL')} = ${term(concentration, 'µg/mL')}`,
      `${term(rate, 'mL/h')} × ${term(concentration, 'µg/mL')} ÷ ${term(patient.weight, 'kg')} ÷ 60 = ${term(perMinute, 'µg/kg/min')}`,
      ...(unit === 'µg/kg/min' ? [] : [`${term(perMinute, 'µg/kg/min')} = ${term(dose, unit)}`]),
    ],
  };
}
