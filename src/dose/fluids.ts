/** Maintenance fluid by 4-2-1 (after Holliday and Segar): 4 mL/kg/h for the first 10 kg, 2 for the next 10, 1 above. */
import { result, term } from './draft.ts';
import type { Draft } from './draft.ts';
import { checkPatient, patientInputs, softFinding } from './patient.ts';
import type { Patient } from './patient.ts';
import { quantity } from './units.ts';
import type { Kilograms, MillilitresPerHour } from './units.ts';

const step = (weight: Kilograms, from: number, to: number): Kilograms =>
  quantity(Math.max(0, Math.min(weight, to) - from), 'kg');

export const maintenanceRate = (weight: Kilograms): MillilitresPerHour =>
  quantity(4 * step(weight, 0, 10) + 2 * step(weight, 10, 20) + step(weight, 20, Number.MAX_VALUE), 'mL/h');

const MONTH = 1 / 12;

export function fluids(patient: Patient): Draft {
  const { age, weight } = patient;
  const rate = maintenanceRate(weight);
  const parts = [
    [4, step(weight, 0, 10)],
    [2, step(weight, 10, 20)],
    [1, step(weight, 20, Number.MAX_VALUE)],
  ] as const;
  return {
    calculation: 'fluids',
    drug: null,
    inputs: patientInputs(patient),
    results: [result('maintenance-rate', rate, 'mL/h')],
    worked: [
      `${parts
        .filter(([, weightOfStep]) => weightOfStep > 0)
        .map(([perKg, weightOfStep]) => `${perKg} mL/kg/h × ${term(weightOfStep, 'kg')}`)
        .join(' + ')} = ${term(rate, 'mL/h')}`,
    ],
    formulas: ['four-two-one'],
    sources: ['holliday-segar-1957'],
    findings: [
      ...checkPatient(patient),
      ...(age < MONTH ? [softFinding('neonate-fluids', age, MONTH, 'year')] : []),
    ],
  };
}
