import type { BolusDrug, DoseRange, Strength } from './drugs.ts';
import type { Finding } from './draft.ts';
import {
  ELDERLY_AGE,
  OBESE_BMI,
  bodyMassIndex,
  hardFinding,
  isAdult,
  slipsOf,
  softFinding,
} from './patient.ts';
import type { Patient } from './patient.ts';
import type { Unit } from './units.ts';
import type { WeightScalar } from './weights.ts';

/** A dose against its drug's range; a drug without one wants an acknowledgement too. */
export function judgeDose(value: number, unit: Unit, range: DoseRange | null): readonly Finding[] {
  if (value === 0) return [hardFinding('zero-divisor', 0, null, unit)];
  if (!range) return [softFinding('no-limit-known', value, null, unit)];
  const [low, high] = range.usual;
  if (value > range.refuse) return [hardFinding('dose-refused', value, range.refuse, unit)];
  if (value > high) return [softFinding('dose-above-usual', value, high, unit)];
  if (value < low) return [softFinding('dose-below-usual', value, low, unit)];
  return [];
}

/** A solution against those in which the drug is usually held: a point that is off turns up ten times in the syringe. */
export function judgeStrength(value: number, unit: Unit, strength: Strength | undefined): readonly Finding[] {
  if (!strength || value === 0) return [];
  const [weakest, strongest] = strength;
  const rounding = 1e-9;
  const bound =
    value < weakest * (1 - rounding) ? weakest : value > strongest * (1 + rounding) ? strongest : null;
  if (bound === null) return [];
  return [{ ...softFinding('strength-unusual', value, bound, unit), meant: slipsOf(value, strength) }];
}

/** What the patient's age and build say of a dose that is usual otherwise. */
export function judgeForPatient(
  value: number,
  unit: Unit,
  drug: BolusDrug | null,
  patient: Patient,
  scalar: WeightScalar,
): readonly Finding[] {
  if (!drug) return [];
  const findings: Finding[] = [];
  const { elderly } = drug;
  if (elderly !== undefined && patient.age >= ELDERLY_AGE && value > elderly && value <= drug.usual[1])
    findings.push(softFinding('dose-above-elderly', value, elderly, unit));
  if (drug.isByLean && scalar === 'actual' && patient.height !== null && isAdult(patient)) {
    const bmi = bodyMassIndex(patient.weight, patient.height);
    if (bmi > OBESE_BMI) findings.push(softFinding('weight-of-the-obese', bmi, OBESE_BMI, 'kg/m²'));
  }
  return findings;
}
