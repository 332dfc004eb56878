import { useId } from 'react';
import type { ComponentProps, ReactNode } from 'react';
import { cx } from './cx.ts';
import styles from './Field.module.css';

export interface FieldProps {
  readonly label: string;
  readonly hint?: ReactNode;
  /** Beside the label (a select, a switch) or under it (a text). */
  readonly layout?: 'row' | 'column';
  readonly children: ReactNode;
}

/** A setting: its label, a hint, and the control, which carries its own accessible name. */
export function Field({ label, hint, layout = 'row', children }: FieldProps) {
  return (
    <div className={cx(styles.field, styles[layout])}>
      <div className={styles.words}>
        <span className={styles.label} aria-hidden={layout === 'row' || undefined}>
          {label}
        </span>
        {hint && <p className={styles.hint}>{hint}</p>}
      </div>
      <div className={styles.control}>{children}</div>
    </div>
  );
}

export interface TextFieldProps extends Omit<ComponentProps<'input'>, 'className'> {
  readonly label: string;
  readonly labelHidden?: boolean;
  readonly hint?: ReactNode;
}

export function TextField({ label, labelHidden = false, hint, ...rest }: TextFieldProps) {
  const id = useId();
  return (
    <div className={styles.stack}>
      <label htmlFor={id} className={cx(styles.label, labelHidden && 'visually-hidden')}>
        {label}
      </label>
      <input
        {...rest}
        id={id}
        aria-describedby={hint ? `${id}-hint` : undefined}
        autoComplete="off"
        className={styles.input}
      />
      {hint && (
        <p id={`${id}-hint`} className={styles.hint}>
          {hint}
        </p>
      )}
    </div>
  );
}

export interface TextAreaProps extends Omit<ComponentProps<'textarea'>, 'className'> {
  readonly label: string;
  readonly labelHidden?: boolean;
  readonly hint?: ReactNode;
}

export function TextArea({ label, labelHidden = false, hint, ...rest }: TextAreaProps) {
  const id = useId();
  return (
    <div className={styles.stack}>
      <label htmlFor={id} className={cx(styles.label, labelHidden && 'visually-hidden')}>
        {label}
      </label>
      <textarea
        rows={4}
        {...rest}
        id={id}
        aria-describedby={hint ? `${id}-hint` : undefined}
        className={cx(styles.input, styles.area)}
      />
      {hint && (
        <p id={`${id}-hint`} className={styles.hint}>
          {hint}
        </p>
      )}
    </div>
  );
}
