/**
 * What each calculator asks and how it computes. A field's key holds its unit and drug: choosing another unit or drug
 * shows an empty field, never an old number under a new unit.
 */
import {
  BOLUS_DRUGS,
  DOSE_RATE_UNITS,
  INFUSION_DRUGS,
  LOCAL_ANAESTHETICS,
  WEIGHT_SCALARS,
  anaesthetic,
  blood,
  bolus,
  fluids,
  infusionDose,
  infusionRate,
  quantity,
  toMilligrams,
  weights,
} from '../../dose/index.ts';
import type { CalculationId, DoseRate, Draft, Patient, Unit, WeightScalar } from '../../dose/index.ts';

export type FieldName =
  | 'dose'
  | 'dose-rate'
  | 'concentration'
  | 'amount'
  | 'volume'
  | 'pump-rate'
  | 'already-given'
  | 'haemoglobin-start'
  | 'haemoglobin-lowest';

export interface FieldSpec {
  readonly name: FieldName;
  readonly key: string;
  readonly unit: Unit;
}

export type ChoiceName = 'drug' | 'scalar' | 'unit' | 'concentrationUnit' | 'amountUnit' | 'adrenaline';

export interface ChoiceSpec {
  readonly name: ChoiceName;
  /** '' first: nothing is chosen for the user where a wrong guess would do harm. */
  readonly options: readonly string[];
}

export type Choices = Readonly<Partial<Record<ChoiceName, string>>>;

export interface Calculator {
  readonly choices: (chosen: Choices) => readonly ChoiceSpec[];
  readonly fields: (chosen: Choices) => readonly FieldSpec[];
  /** @throws QuantityError */
  readonly compute: (
    patient: Patient,
    values: Readonly<Partial<Record<FieldName, number>>>,
    chosen: Choices,
  ) => Draft;
}

/** Another drug than those with known limits. */
export const OTHER = 'other';

const field = (name: FieldName, unit: Unit, scope = ''): FieldSpec => ({
  name,
  unit,
  key: `${scope}/${name}/${unit}`,
});
const drugChoice = (drugs: readonly { readonly id: string }[]): ChoiceSpec => ({
  name: 'drug',
  options: ['', ...drugs.map(({ id }) => id), OTHER],
});
const doseRate = (value: number, unit: string): DoseRate => {
  const known = DOSE_RATE_UNITS.find((candidate) => candidate === unit) ?? 'µg/kg/min';
  return { value: quantity(value, known), unit: known } as DoseRate;
};
const massOf = (value: number, unit: string | undefined) =>
  unit === 'µg' || unit === 'µg/mL' ? toMilligrams(quantity(value, 'µg')) : quantity(value, 'mg');

const isOther = ({ drug }: Choices) => drug === OTHER;
const bolusDrug = ({ drug }: Choices) => BOLUS_DRUGS.find(({ id }) => id === drug) ?? null;
const infusionDrug = ({ drug }: Choices) => INFUSION_DRUGS.find(({ id }) => id === drug) ?? null;

const infusionChoices = (chosen: Choices): readonly ChoiceSpec[] => [
  drugChoice(INFUSION_DRUGS),
  ...(isOther(chosen) ? [{ name: 'unit', options: ['', ...DOSE_RATE_UNITS] } as const] : []),
  { name: 'amountUnit', options: ['', 'mg', 'µg'] },
];
const infusionUnit = (chosen: Choices): Unit | null =>
  infusionDrug(chosen)?.unit ??
  DOSE_RATE_UNITS.find((unit) => isOther(chosen) && unit === chosen.unit) ??
  null;
const dilution = ({ drug = '', amountUnit }: Choices): readonly FieldSpec[] => [
  ...(amountUnit === 'mg' || amountUnit === 'µg' ? [field('amount', amountUnit, drug)] : []),
  field('volume', 'mL', drug),
];

export const CALCULATORS: Readonly<Record<CalculationId, Calculator>> = {
  weights: { choices: () => [], fields: () => [], compute: (patient) => weights(patient) },
  bolus: {
    choices: (chosen) => [
      drugChoice(BOLUS_DRUGS),
      ...(isOther(chosen) ? [{ name: 'unit', options: ['', 'mg/kg', 'µg/kg'] } as const] : []),
      { name: 'concentrationUnit', options: ['', 'mg/mL', 'µg/mL'] },
      { name: 'scalar', options: WEIGHT_SCALARS },
    ],
    fields: (chosen) => {
      const { drug = '', unit, concentrationUnit } = chosen;
      const doseUnit = bolusDrug(chosen)?.unit ?? (isOther(chosen) ? unit : undefined);
      return [
        ...(doseUnit === 'mg/kg' || doseUnit === 'µg/kg' ? [field('dose', doseUnit, drug)] : []),
        ...(concentrationUnit === 'mg/mL' || concentrationUnit === 'µg/mL'
          ? [field('concentration', concentrationUnit, drug)]
          : []),
      ];
    },
    compute: (patient, values, chosen) => {
      const drug = bolusDrug(chosen);
      const value = values.dose ?? Number.NaN;
      const unit = drug?.unit ?? chosen.unit;
      return bolus({
        patient,
        scalar: (chosen.scalar ?? 'actual') as WeightScalar,
        drug,
        dose:
          unit === 'µg/kg'
            ? { value: quantity(value, 'µg/kg'), unit }
            : { value: quantity(value, 'mg/kg'), unit: 'mg/kg' },
        concentration: quantity(
          massOf(values.concentration ?? Number.NaN, chosen.concentrationUnit),
          'mg/mL',
        ),
      });
    },
  },
  'infusion-rate': {
    choices: infusionChoices,
    fields: (chosen) => {
      const unit = infusionUnit(chosen);
      return [...dilution(chosen), ...(unit ? [field('dose-rate', unit, chosen.drug)] : [])];
    },
    compute: (patient, values, chosen) =>
      infusionRate({
        patient,
        drug: infusionDrug(chosen),
        amount: massOf(values.amount ?? Number.NaN, chosen.amountUnit),
        volume: quantity(values.volume ?? Number.NaN, 'mL'),
        dose: doseRate(values['dose-rate'] ?? Number.NaN, infusionUnit(chosen) ?? ''),
      }),
  },
  'infusion-dose': {
    choices: infusionChoices,
    fields: (chosen) => [...dilution(chosen), field('pump-rate', 'mL/h', chosen.drug)],
    compute: (patient, values, chosen) =>
      infusionDose({
        patient,
        drug: infusionDrug(chosen),
        amount: massOf(values.amount ?? Number.NaN, chosen.amountUnit),
        volume: quantity(values.volume ?? Number.NaN, 'mL'),
        rate: quantity(values['pump-rate'] ?? Number.NaN, 'mL/h'),
        unit: DOSE_RATE_UNITS.find((unit) => unit === infusionUnit(chosen)) ?? 'µg/kg/min',
      }),
  },
  anaesthetic: {
    choices: () => [
      { name: 'drug', options: ['', ...LOCAL_ANAESTHETICS.map(({ id }) => id)] },
      { name: 'adrenaline', options: ['', 'plain', 'with'] },
    ],
    fields: ({ drug }) => [field('concentration', '%', drug), field('already-given', 'mg', drug)],
    compute: (patient, values, chosen) => {
      const agent = LOCAL_ANAESTHETICS.find(({ id }) => id === chosen.drug);
      if (!agent) throw new TypeError('no local anaesthetic is chosen');
      return anaesthetic({
        patient,
        agent,
        withAdrenaline: chosen.adrenaline === 'with',
        concentration: quantity(values.concentration ?? Number.NaN, '%'),
        alreadyGiven: quantity(values['already-given'] ?? Number.NaN, 'mg'),
      });
    },
  },
  blood: {
    choices: () => [],
    fields: () => [field('haemoglobin-start', 'g/L'), field('haemoglobin-lowest', 'g/L')],
    compute: (patient, values) =>
      blood({
        patient,
        start: quantity(values['haemoglobin-start'] ?? Number.NaN, 'g/L'),
        lowest: quantity(values['haemoglobin-lowest'] ?? Number.NaN, 'g/L'),
      }),
  },
  fluids: { choices: () => [], fields: () => [], compute: (patient) => fluids(patient) },
};
