import { useTranslation } from 'react-i18next';
import type { Unit } from '../../dose/index.ts';
import { cx } from '../components/index.ts';
import styles from './dose.module.css';

export type ShownUnit = Unit | 'month';

/** A unit never stands as a sign alone: µg and mg differ in word, sign, colour and frame. */
export function UnitBox({ unit }: { readonly unit: ShownUnit }) {
  const { t } = useTranslation('dose');
  return (
    <span className={cx(styles.unit, unit.startsWith('µg') && styles.micro)}>
      {unit !== 'year' && unit !== 'month' && <b>{unit}</b>}
      <span>{t(`units.${unit}`)}</span>
    </span>
  );
}
