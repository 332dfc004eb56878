import type { ReactNode } from 'react';
import { cx } from './cx.ts';
import styles from './Pill.module.css';

export interface PillProps {
  readonly tone?: 'neutral' | 'ok' | 'warn' | 'danger' | 'accent';
  readonly icon?: ReactNode;
  readonly className?: string | undefined;
  readonly children: ReactNode;
}

/** A short state in words; never the only carrier of a warning. */
export function Pill({ tone = 'neutral', icon, className, children }: PillProps) {
  return (
    <span className={cx(styles.pill, styles[tone], className)}>
      {icon}
      {children}
    </span>
  );
}
