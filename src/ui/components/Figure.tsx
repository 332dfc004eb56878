import type { ReactNode } from 'react';
import styles from './Figure.module.css';

/** Stands on one line. */
export function Figure({ children }: { readonly children?: ReactNode }) {
  return <span className={styles.figure}>{children}</span>;
}
