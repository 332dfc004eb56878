import { useId } from 'react';
import type { ReactNode } from 'react';
import styles from './Page.module.css';

/** The scrolling part of a screen that is read, not talked to: settings, models, this device. */
export function Page({ children }: { readonly children: ReactNode }) {
  return (
    <div className={styles.scroller}>
      <div className={styles.page}>{children}</div>
    </div>
  );
}

export interface SectionProps {
  readonly title: string;
  readonly hint?: ReactNode;
  readonly children: ReactNode;
}

export function Section({ title, hint, children }: SectionProps) {
  const id = useId();
  return (
    <section aria-labelledby={id} className={styles.section}>
      <h2 id={id} className={styles.title}>
        {title}
      </h2>
      {hint && <p className={styles.hint}>{hint}</p>}
      <div className={styles.card}>{children}</div>
    </section>
  );
}
