import { useId } from 'react';
import { cx } from '../components/index.ts';
import styles from './dose.module.css';

export interface ChoiceFieldProps {
  readonly label: string;
  readonly value: string;
  readonly options: readonly { readonly value: string; readonly label: string }[];
  readonly onValue: (value: string) => void;
  readonly isAsked: boolean;
  readonly problem: string;
}

/** Few choices stand side by side; many (drugs) are a list of the system. */
export function ChoiceField({ label, value, options, onValue, isAsked, problem }: ChoiceFieldProps) {
  const id = useId();
  const real = options.filter((option) => option.value !== '');
  const isMissing = isAsked && value === '';
  if (real.length > 4) {
    return (
      <div className={styles.field}>
        <label htmlFor={id}>{label}</label>
        <select
          id={id}
          className={cx(styles.select, isMissing && styles.wrong)}
          value={value}
          aria-invalid={isMissing}
          onChange={(event) => {
            onValue(event.target.value);
          }}
        >
          {options.map((option) => (
            <option key={option.value} value={option.value}>
              {option.label}
            </option>
          ))}
        </select>
        <p className={isMissing ? styles.problem : styles.reading}>{isMissing ? problem : '\u00a0'}</p>
      </div>
    );
  }
  return (
    <fieldset className={cx(styles.field, styles.choice)}>
      <legend>{label}</legend>
      <div className={styles.segments}>
        {real.map((option) => (
          <label
            key={option.value}
            className={cx(styles.segment, option.value.startsWith('µg') && styles.micro)}
          >
            <input
              type="radio"
              className={styles.radio}
              name={id}
              value={option.value}
              checked={option.value === value}
              onChange={() => {
                onValue(option.value);
              }}
            />
            {option.label}
          </label>
        ))}
      </div>
      <p className={isMissing ? styles.problem : styles.reading}>{isMissing ? problem : '\u00a0'}</p>
    </fieldset>
  );
}
