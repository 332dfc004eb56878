import { useId } from 'react';
import { useTranslation } from 'react-i18next';
import { formatExact, readNumber } from '../../dose/index.ts';
import { cx } from '../components/index.ts';
import { UnitBox } from './UnitBox.tsx';
import type { ShownUnit } from './UnitBox.tsx';
import styles from './dose.module.css';

export interface NumberFieldProps {
  readonly label: string;
  readonly unit: ShownUnit;
  readonly text: string;
  readonly onText: (text: string) => void;
  readonly isOptional?: boolean;
  /** Empty fields are told once a calculation was asked for. */
  readonly isAsked: boolean;
}

/** A number with its unit; says how it was read, or why it was not. */
export function NumberField({ label, unit, text, onText, isOptional = false, isAsked }: NumberFieldProps) {
  const { t } = useTranslation('dose');
  const id = useId();
  const reading = readNumber(text);
  const isEmpty = !reading.ok && reading.problem === 'empty';
  const problem = !reading.ok && (isEmpty ? isAsked && !isOptional : true) ? reading.problem : null;
  const unitName = t(`units.${unit}`);
  return (
    <div className={styles.field}>
      <label htmlFor={id}>
        {label}
        {isOptional && <small> {t('patient.optional')}</small>}
      </label>
      <div className={cx(styles.box, problem && styles.wrong)}>
        <input
          id={id}
          inputMode="decimal"
          autoComplete="off"
          spellCheck={false}
          value={text}
          aria-invalid={problem !== null}
          aria-describedby={`${id}-read ${id}-unit`}
          onChange={(event) => {
            onText(event.target.value);
          }}
        />
        <span id={`${id}-unit`} className={styles.unitSlot}>
          <UnitBox unit={unit} />
        </span>
      </div>
      <p id={`${id}-read`} className={problem ? styles.problem : styles.reading}>
        {problem
          ? t(`problems.${problem}`)
          : reading.ok
            ? t('read', { value: formatExact(reading.value), unit: unitName })
            : '\u00a0'}
      </p>
    </div>
  );
}
