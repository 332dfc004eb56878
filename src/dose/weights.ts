/**
 * The four weights that drugs are dosed by. Adults only: the formulas were made for them.
 *
 *   ideal     Devine 1974         50 kg (men) or 45.5 kg (women) + 2.3 kg for each inch over 60 inches
 *   lean      Janmahasatian 2005  9270 W / (6680 + 216 BMI) or 9270 W / (8780 + 244 BMI)
 *   adjusted  ideal + 0.4 (actual − ideal); the actual weight where it is below the ideal one
 */
import { input, result, term } from './draft.ts';
import type { Draft, Finding } from './draft.ts';
import {
  bodyMassIndex,
  checkPatient,
  hardFinding,
  isAdult,
  isHard,
  patientInputs,
  softFinding,
  ADULT_AGE,
} from './patient.ts';
import type { Patient, Sex } from './patient.ts';
import { quantity } from './units.ts';
import type { Centimetres, Kilograms } from './units.ts';

export const WEIGHT_SCALARS = ['actual', 'ideal', 'lean', 'adjusted'] as const;
export type WeightScalar = (typeof WEIGHT_SCALARS)[number];

const CM_PER_INCH = 2.54;
const DEVINE_BASE_INCHES = 60;
const ADJUSTED_SHARE = 0.4;

/** Devine. @throws QuantityError below about 96 cm (women), where the formula turns negative */
export const idealWeight = (sex: Sex, height: Centimetres): Kilograms =>
  quantity((sex === 'male' ? 50 : 45.5) + 2.3 * (height / CM_PER_INCH - DEVINE_BASE_INCHES), 'kg');

/** Janmahasatian. */
export function leanWeight(sex: Sex, weight: Kilograms, height: Centimetres): Kilograms {
  const bmi = bodyMassIndex(weight, height);
  return quantity((9270 * weight) / (sex === 'male' ? 6680 + 216 * bmi : 8780 + 244 * bmi), 'kg');
}

export function adjustedWeight(actual: Kilograms, ideal: Kilograms): Kilograms {
  return actual <= ideal ? actual : quantity(ideal + ADJUSTED_SHARE * (actual - ideal), 'kg');
}

/** Why the scalar cannot be had for this patient; empty where it can. */
export function scalarFindings(patient: Patient): readonly Finding[] {
  if (!isAdult(patient)) return [hardFinding('formula-for-adults', patient.age, ADULT_AGE, 'year')];
  if (patient.height === null) return [hardFinding('height-implausible', 0, null, 'cm')];
  const base = DEVINE_BASE_INCHES * CM_PER_INCH;
  if (patient.height < 120) return [hardFinding('height-below-formula', patient.height, 120, 'cm')];
  return patient.height < base ? [softFinding('height-below-formula', patient.height, base, 'cm')] : [];
}

/** The weight by that scalar, or the findings that stand against it. */
export function weightBy(
  scalar: WeightScalar,
  patient: Patient,
): { readonly weight: Kilograms; readonly findings: readonly Finding[] } {
  if (scalar === 'actual') return { weight: patient.weight, findings: [] };
  const findings = scalarFindings(patient);
  const { height, sex } = patient;
  if (height === null || findings.some(({ severity }) => severity === 'hard'))
    return { weight: patient.weight, findings };
  const ideal = idealWeight(sex, height);
  const weight =
    scalar === 'ideal'
      ? ideal
      : scalar === 'lean'
        ? leanWeight(sex, patient.weight, height)
        : adjustedWeight(patient.weight, ideal);
  return { weight, findings };
}

export function weights(patient: Patient): Draft {
  const patientFindings = checkPatient(patient);
  const findings = patientFindings.some(isHard)
    ? patientFindings
    : [...patientFindings, ...scalarFindings(patient)];
  const { height, sex, weight } = patient;
  const head = {
    calculation: 'weights',
    drug: null,
    inputs: patientInputs(patient),
    sources: ['devine-1974', 'janmahasatian-2005', 'textbook'],
    formulas: [`devine-${sex}`, `janmahasatian-${sex}`, 'adjusted', 'bmi'],
  } as const;
  if (height === null || findings.some(isHard)) return { ...head, findings, results: [], worked: [] };
  const ideal = idealWeight(sex, height);
  const lean = leanWeight(sex, weight, height);
  const adjusted = adjustedWeight(weight, ideal);
  const bmi = bodyMassIndex(weight, height);
  const [a, b] = sex === 'male' ? [6680, 216] : [8780, 244];
  return {
    ...head,
    findings,
    results: [
      input('actual-weight', weight, 'kg'),
      result('ideal-weight', ideal, 'kg'),
      result('lean-weight', lean, 'kg'),
      result('adjusted-weight', adjusted, 'kg'),
      result('bmi', bmi, 'kg/m²'),
    ],
    worked: [
      `${sex === 'male' ? '50' : '45.5'} kg + 2.3 kg × (${term(height, 'cm')} ÷ 2.54 − 60) = ${term(ideal, 'kg')}`,
      `9270 × ${term(weight, 'kg')} ÷ (${a} + ${b} × ${term(bmi, 'kg/m²')}) = ${term(lean, 'kg')}`,
      weight <= ideal
        ? `${term(weight, 'kg')} ≤ ${term(ideal, 'kg')} → ${term(adjusted, 'kg')}`
        : `${term(ideal, 'kg')} + 0.4 × (${term(weight, 'kg')} − ${term(ideal, 'kg')}) = ${term(adjusted, 'kg')}`,
      `${term(weight, 'kg')} ÷ (${term(height, 'cm')} ÷ 100)² = ${term(bmi, 'kg/m²')}`,
    ],
  };
}
