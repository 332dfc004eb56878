/**
 * The most of a local anaesthetic: the lower of mg/kg × weight and the whole maximum, less what was given. The weight is
 * the lower of actual and ideal (adults whose height is known): fat takes up little. Everything is rounded down.
 */
import { input, result, term } from './draft.ts';
import type { Draft, Finding } from './draft.ts';
import type { LocalAnaesthetic } from './drugs.ts';
import { checkPatient, hardFinding, isAdult, isHard, patientInputs, softFinding } from './patient.ts';
import type { Patient } from './patient.ts';
import { percentToMilligramsPerMillilitre, quantity } from './units.ts';
import type { Kilograms, Milligrams, MilligramsPerKg, Quantity } from './units.ts';
import { judgeStrength } from './range.ts';
import { idealWeight, scalarFindings } from './weights.ts';

/** The most of it for that weight, in mg. */
export const maximumDose = (perKg: MilligramsPerKg, weight: Kilograms, whole: Milligrams): Milligrams =>
  quantity(Math.min(perKg * weight, whole), 'mg');

export interface AnaestheticInput {
  readonly patient: Patient;
  readonly agent: LocalAnaesthetic;
  readonly withAdrenaline: boolean;
  readonly concentration: Quantity<'%'>;
  readonly alreadyGiven: Milligrams;
}

/** Solutions for injection; above it mg/mL was typed as a percentage. */
const MAX_PERCENT = 4;
const MIN_PERCENT = 0.03;

function weightFor(patient: Patient): Kilograms {
  const { height, sex, weight } = patient;
  if (!isAdult(patient) || height === null) return weight;
  if (scalarFindings(patient).some(({ severity }) => severity === 'hard')) return weight;
  return quantity(Math.min(weight, idealWeight(sex, height)), 'kg');
}

export function anaesthetic(given: AnaestheticInput): Draft {
  const { patient, agent, withAdrenaline, concentration, alreadyGiven } = given;
  const [perKgValue, wholeValue] = withAdrenaline ? agent.withAdrenaline : agent.plain;
  const perKg = quantity(perKgValue, 'mg/kg');
  const whole = quantity(wholeValue, 'mg');
  const weight = weightFor(patient);
  const maximum = maximumDose(perKg, weight, whole);
  const remaining = quantity(Math.max(0, maximum - alreadyGiven), 'mg');
  const findings: Finding[] = [...checkPatient(patient)];
  const isUnusable = findings.some(isHard);
  if (concentration < MIN_PERCENT || concentration > MAX_PERCENT)
    findings.push(
      hardFinding(
        'concentration-refused',
        concentration,
        concentration > MAX_PERCENT ? MAX_PERCENT : MIN_PERCENT,
        '%',
      ),
    );
  else findings.push(...judgeStrength(concentration, '%', agent.strength));
  if (patient.age < 1) findings.push(softFinding('infant-anaesthetic', patient.age, 1, 'year'));
  if (!isUnusable && alreadyGiven >= maximum)
    findings.push(hardFinding('maximum-reached', alreadyGiven, maximum, 'mg'));
  const head = {
    calculation: 'anaesthetic',
    drug: agent.id,
    inputs: [
      ...patientInputs(patient),
      input('maximum-per-kg', perKg, 'mg/kg'),
      input('maximum-dose', whole, 'mg'),
      input('concentration', concentration, '%'),
      input('already-given', alreadyGiven, 'mg'),
    ],
    formulas: ['anaesthetic'],
    sources: ['textbook'],
    findings,
  } as const;
  if (findings.some(isHard)) return { ...head, results: [], worked: [] };
  const strength = percentToMilligramsPerMillilitre(concentration);
  const volume = quantity(remaining / strength, 'mL');
  return {
    ...head,
    results: [
      result('remaining-volume', volume, 'mL', 'down'),
      result('remaining-dose', remaining, 'mg', 'down'),
      result('maximum-dose', maximum, 'mg', 'down'),
      result('weight-used', weight, 'kg', 'down'),
    ],
    worked: [
      `${term(perKg, 'mg/kg')} × ${term(weight, 'kg')} = ${term(quantity(perKg * weight, 'mg'), 'mg')}`,
      `min(${term(quantity(perKg * weight, 'mg'), 'mg')}, ${term(whole, 'mg')}) = ${term(maximum, 'mg')}`,
      ...(alreadyGiven > 0
        ? [`${term(maximum, 'mg')} − ${term(alreadyGiven, 'mg')} = ${term(remaining, 'mg')}`]
        : []),
      `${term(concentration, '%')} = ${term(strength, 'mg/mL')}`,
      `${term(remaining, 'mg')} ÷ ${term(strength, 'mg/mL')} = ${term(volume, 'mL')}`,
    ],
  };
}
