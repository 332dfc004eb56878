import { useTranslation } from 'react-i18next';
import { formatNearest } from '../../dose/index.ts';
import type { Finding } from '../../dose/index.ts';
import styles from './dose.module.css';

/** Limits that are passed, each with its source. */
export function Findings({ findings }: { readonly findings: readonly Finding[] }) {
  const { t } = useTranslation('dose');
  return (
    <ul className={styles.findings}>
      {findings.map(({ id, value, bound, unit, source, meant }) => (
        <li key={`${id} ${value}`}>
          {t(`findings.${id}`, {
            value: formatNearest(value),
            bound: bound === null ? '' : formatNearest(bound),
            unit,
          })}
          {meant && meant.length > 0 && (
            <b className={styles.meant}>
              {t('meant', { values: meant.map((of) => `${formatNearest(of)} ${unit}`).join(t('or')) })}
            </b>
          )}
          <small> {t(`sources.${source}`)}</small>
        </li>
      ))}
    </ul>
  );
}
