/** A dose by weight, as mass and as volume. dose = dose per kg × weight; volume = dose ÷ concentration. */
import { input, result, term, termOf } from './draft.ts';
import type { Draft, Finding } from './draft.ts';
import type { BolusDrug, BolusUnit } from './drugs.ts';
import { checkPatient, hardFinding, isHard, patientInputs, softFinding } from './patient.ts';
import type { Patient } from './patient.ts';
import { judgeDose, judgeForPatient, judgeStrength } from './range.ts';
import { quantity, toMicrograms, toMilligrams } from './units.ts';
import type {
  Kilograms,
  Micrograms,
  MicrogramsPerKg,
  Milligrams,
  MilligramsPerKg,
  MilligramsPerMillilitre,
  Millilitres,
  Quantity,
} from './units.ts';
import { weightBy } from './weights.ts';
import type { WeightScalar } from './weights.ts';

export const milligramDose = (dose: MilligramsPerKg, weight: Kilograms): Milligrams =>
  quantity(dose * weight, 'mg');
export const microgramDose = (dose: MicrogramsPerKg, weight: Kilograms): Micrograms =>
  quantity(dose * weight, 'µg');
/** @throws QuantityError if the concentration is zero */
export const volumeOf = (dose: Milligrams, concentration: MilligramsPerMillilitre): Millilitres =>
  quantity(dose / concentration, 'mL');

export interface BolusInput {
  readonly patient: Patient;
  readonly scalar: WeightScalar;
  /** null: a drug without known limits. */
  readonly drug: BolusDrug | null;
  readonly dose: { readonly [U in BolusUnit]: { readonly value: Quantity<U>; readonly unit: U } }[BolusUnit];
  readonly concentration: MilligramsPerMillilitre;
}

const LARGE_VOLUME = 50;
const REFUSED_VOLUME = 500;
const TINY_VOLUME = 0.1;
const MAX_CONCENTRATION = 1000;

export function bolus({ patient, scalar, drug, dose, concentration }: BolusInput): Draft {
  if (drug && drug.unit !== dose.unit)
    throw new TypeError(`${drug.id} is judged in ${drug.unit}, not in ${dose.unit}`);
  const patientFindings = checkPatient(patient);
  const isUnusable = patientFindings.some(isHard);
  // The other weights follow from this one.
  const { weight, findings: scalarFindings } = weightBy(isUnusable ? 'actual' : scalar, patient);
  const findings: Finding[] = [
    ...patientFindings,
    ...scalarFindings,
    ...judgeDose(dose.value, dose.unit, drug),
  ];
  const head = {
    calculation: 'bolus',
    drug: drug?.id ?? null,
    inputs: [
      ...patientInputs(patient),
      { name: 'dose-per-kg', value: dose.value, unit: dose.unit, rounding: 'exact' },
      input('concentration', concentration, 'mg/mL'),
    ],
    formulas: ['bolus'],
    sources: ['arithmetic', 'textbook'],
  } as const;
  if (concentration === 0 || concentration > MAX_CONCENTRATION) {
    findings.push(hardFinding('concentration-refused', concentration, MAX_CONCENTRATION, 'mg/mL'));
    return { ...head, findings, results: [], worked: [] };
  }
  if (isUnusable) return { ...head, findings, results: [], worked: [] };
  findings.push(
    ...judgeForPatient(dose.value, dose.unit, drug, patient, scalar),
    ...judgeStrength(concentration, 'mg/mL', drug?.strength),
  );
  const milligrams =
    dose.unit === 'mg/kg'
      ? milligramDose(dose.value, weight)
      : toMilligrams(microgramDose(dose.value, weight));
  const total =
    dose.unit === 'mg/kg' ? result('dose', milligrams, 'mg') : result('dose', toMicrograms(milligrams), 'µg');
  const volume = volumeOf(milligrams, concentration);
  if (drug?.refuseTotal !== undefined && total.value > drug.refuseTotal)
    findings.push(hardFinding('total-refused', total.value, drug.refuseTotal, total.unit));
  const [large, refused] = drug?.volume ?? [LARGE_VOLUME, REFUSED_VOLUME];
  if (volume > refused) findings.push(hardFinding('volume-refused', volume, refused, 'mL'));
  else if (volume > large) findings.push(softFinding('volume-large', volume, large, 'mL'));
  else if (volume < TINY_VOLUME) findings.push(softFinding('volume-tiny', volume, TINY_VOLUME, 'mL'));
  const shownDose = dose.unit === 'mg/kg' ? term(milligrams, 'mg') : term(toMicrograms(milligrams), 'µg');
  return {
    ...head,
    findings,
    results: [result('volume', volume, 'mL'), total, result('weight-used', weight, 'kg')],
    worked: [
      `${termOf(dose)} × ${term(weight, 'kg')} = ${shownDose}`,
      ...(dose.unit === 'µg/kg' ? [`${shownDose} ÷ 1000 = ${term(milligrams, 'mg')}`] : []),
      `${term(milligrams, 'mg')} ÷ ${term(concentration, 'mg/mL')} = ${term(volume, 'mL')}`,
    ],
  };
}
