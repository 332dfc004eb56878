/**
 * Doses by arithmetic. A result stands only beside the inputs it came from: any change takes it away.
 *
 *   texts --readNumber--> numbers --calculators.ts--> Draft --decide--> shown | withheld until a reason | refused
 *                                                                └── every one of them is logged
 */
import '../../i18n/dose.ts';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { CALCULATIONS, QuantityError, decide, quantity, readNumber } from '../../dose/index.ts';
import type { CalculationId, Decision, Patient, Released, Sex } from '../../dose/index.ts';
import { HypnosError } from '../../shared/errors.ts';
import type { CodedError } from '../../shared/errors.ts';
import { records } from '../../state/records.ts';
import { Button, ErrorNotice, ScreenHeader, cx } from '../components/index.ts';
import { useShell } from '../shell.ts';
import { ChoiceField } from './ChoiceField.tsx';
import { DoseLog } from './DoseLog.tsx';
import { NumberField } from './NumberField.tsx';
import { Outcome } from './Outcome.tsx';
import { CALCULATORS, OTHER } from './calculators.ts';
import type { ChoiceName, Choices, FieldName } from './calculators.ts';
import styles from './dose.module.css';

interface PatientTexts {
  readonly age: string;
  readonly ageUnit: '' | 'years' | 'months';
  readonly sex: '' | Sex;
  readonly weight: string;
  readonly height: string;
}
const NOBODY: PatientTexts = { age: '', ageUnit: 'years', sex: '', weight: '', height: '' };

const numberIn = (text: string): number | null => {
  const reading = readNumber(text);
  return reading.ok ? reading.value : null;
};

/** null while something is missing or cannot be read. */
function readPatient(
  { age, ageUnit, sex, weight, height }: PatientTexts,
  needsHeight: boolean,
): Patient | null {
  const years = numberIn(age);
  const kilograms = numberIn(weight);
  const centimetres = height.trim() === '' ? null : numberIn(height);
  const isHeightMissing = centimetres === null && (needsHeight || height.trim() !== '');
  if (years === null || kilograms === null || sex === '' || isHeightMissing) return null;
  return {
    age: quantity(ageUnit === 'months' ? years / 12 : years, 'year'),
    sex,
    weight: quantity(kilograms, 'kg'),
    height: centimetres === null ? null : quantity(centimetres, 'cm'),
  };
}

export function DoseScreen({ page }: { readonly page: string | null }) {
  const { t } = useTranslation('dose');
  const [patient, setPatient] = useState(NOBODY);
  const calculation = CALCULATIONS.find((candidate) => candidate === page) ?? 'bolus';
  const isLog = page === 'log';
  const pages = [...CALCULATIONS, 'log'] as const;

  return (
    <>
      <ScreenHeader title={t('title')} />
      <div className={styles.scroller}>
        <div className={styles.page}>
          <p className={styles.intro}>{t('intro')}</p>
          <nav aria-label={t('calculators')} className={styles.tabs}>
            {pages.map((entry) => {
              const isCurrent = isLog ? entry === 'log' : entry === calculation;
              return (
                <Link
                  key={entry}
                  href={`/dose/${entry}`}
                  aria-current={isCurrent ? 'page' : undefined}
                  className={cx(styles.tab, isCurrent && styles.current)}
                >
                  {t(`calculations.${entry}`)}
                </Link>
              );
            })}
          </nav>
          {isLog ? (
            <DoseLog />
          ) : (
            <CalculatorForm
              key={calculation}
              calculation={calculation}
              patient={patient}
              onPatient={setPatient}
            />
          )}
        </div>
      </div>
    </>
  );
}

interface CalculatorFormProps {
  readonly calculation: CalculationId;
  readonly patient: PatientTexts;
  readonly onPatient: (patient: PatientTexts) => void;
}

function CalculatorForm({ calculation, patient, onPatient }: CalculatorFormProps) {
  const { t } = useTranslation('dose');
  const version = useShell((state) => state.version);
  const calculator = CALCULATORS[calculation];
  const [chosen, setChosen] = useState<Choices>({ scalar: 'actual' });
  const [texts, setTexts] = useState<Readonly<Record<string, string>>>({});
  const [isAsked, setAsked] = useState(false);
  const [decision, setDecision] = useState<Decision | null>(null);
  const [released, setReleased] = useState<Released | null>(null);
  const [isStale, setStale] = useState(false);
  const [error, setError] = useState<CodedError | null>(null);

  const choices = calculator.choices(chosen);
  const fields = calculator.fields(chosen);
  const needsHeight = calculation === 'weights' || (calculation === 'bolus' && chosen.scalar !== 'actual');

  /** Any change: what was computed from other inputs must not stand beside these. */
  const invalidate = () => {
    if (decision) setStale(true);
    setDecision(null);
    setReleased(null);
    setError(null);
  };
  const changePatient = (change: Partial<PatientTexts>) => {
    invalidate();
    onPatient({ ...patient, ...change });
  };
  const log = async (outcome: Parameters<typeof records.addDose>[0]) => {
    try {
      await records.addDose(outcome);
    } catch (failure) {
      setError(HypnosError.from(failure).toCoded());
    }
  };
  const logReleased = (outcome: Released, verdict: 'clear' | 'acknowledged') =>
    log({ ...outcome, verdict, version });

  function calculate() {
    setAsked(true);
    setStale(false);
    const who = readPatient(patient, needsHeight);
    const values: Partial<Record<FieldName, number>> = {};
    for (const { name, key } of fields) {
      const value = numberIn(texts[key] ?? '');
      if (value !== null) values[name] = value;
    }
    const isComplete =
      fields.every(({ name }) => values[name] !== undefined) &&
      choices.every(({ name, options }) => options.includes(chosen[name] ?? '') && chosen[name] !== '');
    if (!who || !isComplete || choices.some(({ name }) => chosen[name] === undefined)) return;
    try {
      const decided = decide(calculator.compute(who, values, chosen));
      setDecision(decided);
      setReleased(null);
      if (decided.verdict === 'clear') void logReleased(decided.released, 'clear');
      if (decided.verdict === 'refused')
        void log({ ...decided.withheld, results: [], worked: [], verdict: 'refused', reason: null, version });
    } catch (failure) {
      if (!(failure instanceof QuantityError)) throw failure;
      setError(new HypnosError('unknown', { message: failure.message }).toCoded());
    }
  }

  const optionLabel = (name: ChoiceName, value: string): string => {
    if (value === '') return t('choices.pick');
    if (name === 'drug') return value === OTHER ? t('choices.other') : t(`drugs.${value as 'drug-propofol'}`);
    if (name === 'scalar') return t(`scalars.${value as 'actual'}`);
    if (name === 'adrenaline') return t(`choices.${value as 'plain'}`);
    return `${value} ${t(`units.${value as 'mg'}`)}`;
  };

  return (
    <>
      <form
        className={styles.form}
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          calculate();
        }}
      >
        <section aria-labelledby="dose-patient" className={styles.card}>
          <div className={styles.cardHead}>
            <h2 id="dose-patient">{t('patient.title')}</h2>
            <Button
              size="s"
              onClick={() => {
                invalidate();
                setStale(false);
                setAsked(false);
                setTexts({});
                onPatient(NOBODY);
              }}
            >
              {t('patient.new')}
            </Button>
          </div>
          <div className={styles.grid}>
            <NumberField
              label={t('patient.weight')}
              unit="kg"
              text={patient.weight}
              isAsked={isAsked}
              onText={(weight) => {
                changePatient({ weight });
              }}
            />
            <NumberField
              label={t('patient.age')}
              unit={patient.ageUnit === 'months' ? 'month' : 'year'}
              text={patient.age}
              isAsked={isAsked}
              onText={(age) => {
                changePatient({ age });
              }}
            />
            <ChoiceField
              label={t('patient.ageUnit')}
              value={patient.ageUnit}
              isAsked={isAsked}
              problem={t('problems.empty')}
              options={[
                { value: 'years', label: t('patient.years') },
                { value: 'months', label: t('patient.months') },
              ]}
              onValue={(ageUnit) => {
                changePatient({ ageUnit: ageUnit === 'months' ? 'months' : 'years', age: '' });
              }}
            />
            <ChoiceField
              label={t('patient.sex')}
              value={patient.sex}
              isAsked={isAsked}
              problem={t('problems.empty')}
              options={[
                { value: 'male', label: t('patient.male') },
                { value: 'female', label: t('patient.female') },
              ]}
              onValue={(sex) => {
                changePatient({ sex: sex === 'male' ? 'male' : 'female' });
              }}
            />
            <NumberField
              label={t('patient.height')}
              unit="cm"
              text={patient.height}
              isOptional={!needsHeight}
              isAsked={isAsked}
              onText={(height) => {
                changePatient({ height });
              }}
            />
          </div>
        </section>
        <section aria-labelledby="dose-calculation" className={styles.card}>
          <div className={styles.cardHead}>
            <h2 id="dose-calculation">{t(`calculations.${calculation}`)}</h2>
          </div>
          {choices.length + fields.length > 0 && (
            <div className={styles.grid}>
              {choices.map(({ name, options }) => (
                <ChoiceField
                  key={name}
                  label={t(`choices.${name}`)}
                  value={chosen[name] ?? ''}
                  isAsked={isAsked}
                  problem={t('problems.empty')}
                  options={options.map((value) => ({ value, label: optionLabel(name, value) }))}
                  onValue={(value) => {
                    invalidate();
                    // Another drug is another question: nothing of the last one stays chosen.
                    setChosen(
                      name === 'drug' ? { drug: value, scalar: 'actual' } : { ...chosen, [name]: value },
                    );
                    if (name === 'drug') setAsked(false);
                  }}
                />
              ))}
              {fields.map(({ name, key, unit }) => (
                <NumberField
                  key={key}
                  label={t(`fields.${name}`)}
                  unit={unit}
                  text={texts[key] ?? ''}
                  isAsked={isAsked}
                  onText={(text) => {
                    invalidate();
                    setTexts({ ...texts, [key]: text });
                  }}
                />
              ))}
            </div>
          )}
          <Button type="submit" variant="primary" className={styles.submit}>
            {t('calculate')}
          </Button>
        </section>
      </form>
      {isStale && !decision && (
        <p role="status" className={styles.stale}>
          {t('again')}
        </p>
      )}
      {error && <ErrorNotice error={error} />}
      {decision && (
        <Outcome
          decision={decision}
          released={released}
          onAcknowledge={(outcome) => {
            setReleased(outcome);
            void logReleased(outcome, 'acknowledged');
          }}
        />
      )}
    </>
  );
}
