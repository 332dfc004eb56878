/**
 * Estimated blood volume and the loss that may be allowed (Gross 1983, dilution during the loss):
 *
 *   EBV = mL/kg by age and sex × weight        ABL = EBV × (Hb at start − lowest Hb) ÷ mean of both
 */
import { input, result, term } from './draft.ts';
import type { Draft, Finding } from './draft.ts';
import { checkPatient, hardFinding, patientInputs, softFinding } from './patient.ts';
import type { Patient } from './patient.ts';
import { quantity } from './units.ts';
import type { GramsPerLitre, Kilograms, Millilitres, Quantity } from './units.ts';

const MONTH = 1 / 12;

/** Usual figures of textbooks, mL/kg. */
export function bloodPerKg({ age, sex }: Pick<Patient, 'age' | 'sex'>): Quantity<'mL/kg'> {
  if (age < MONTH) return quantity(85, 'mL/kg');
  if (age < 1) return quantity(80, 'mL/kg');
  if (age < 13) return quantity(75, 'mL/kg');
  return quantity(sex === 'male' ? 75 : 65, 'mL/kg');
}

export const bloodVolume = (perKg: Quantity<'mL/kg'>, weight: Kilograms): Millilitres =>
  quantity(perKg * weight, 'mL');

/** Gross. @throws QuantityError if the lowest is above the first, or both are zero */
export const allowableLoss = (
  volume: Millilitres,
  start: GramsPerLitre,
  lowest: GramsPerLitre,
): Millilitres => quantity((volume * (start - lowest)) / ((start + lowest) / 2), 'mL');

export interface BloodInput {
  readonly patient: Patient;
  readonly start: GramsPerLitre;
  readonly lowest: GramsPerLitre;
}

/** g/L; 12 is g/dL typed into the wrong field. */
const POSSIBLE = [30, 250] as const;
const LOW_TARGET = 70;

export function blood({ patient, start, lowest }: BloodInput): Draft {
  const findings: Finding[] = [...checkPatient(patient)];
  const [least, most] = POSSIBLE;
  for (const value of [start, lowest])
    if (value < least || value > most)
      findings.push(hardFinding('haemoglobin-implausible', value, value < least ? least : most, 'g/L'));
  if (lowest >= start) findings.push(hardFinding('haemoglobin-order', lowest, start, 'g/L'));
  else if (lowest < LOW_TARGET)
    findings.push(softFinding('haemoglobin-low-target', lowest, LOW_TARGET, 'g/L'));
  const perKg = bloodPerKg(patient);
  const head = {
    calculation: 'blood',
    drug: null,
    inputs: [
      ...patientInputs(patient),
      input('blood-per-kg', perKg, 'mL/kg'),
      input('haemoglobin-start', start, 'g/L'),
      input('haemoglobin-lowest', lowest, 'g/L'),
    ],
    formulas: ['gross'],
    sources: ['gross-1983', 'textbook'],
    findings,
  } as const;
  if (findings.some(({ severity }) => severity === 'hard')) return { ...head, results: [], worked: [] };
  const volume = bloodVolume(perKg, patient.weight);
  const loss = allowableLoss(volume, start, lowest);
  const mean = quantity((start + lowest) / 2, 'g/L');
  return {
    ...head,
    results: [result('allowable-loss', loss, 'mL', 'down'), result('blood-volume', volume, 'mL')],
    worked: [
      `${term(perKg, 'mL/kg')} × ${term(patient.weight, 'kg')} = ${term(volume, 'mL')}`,
      `(${term(start, 'g/L')} + ${term(lowest, 'g/L')}) ÷ 2 = ${term(mean, 'g/L')}`,
      `${term(volume, 'mL')} × (${term(start, 'g/L')} − ${term(lowest, 'g/L')}) ÷ ${term(mean, 'g/L')} = ${term(loss, 'mL')}`,
    ],
  };
}
