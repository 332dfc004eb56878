import { useTranslation } from 'react-i18next';
import { formatBytes, formatSeconds } from '../format.ts';
import styles from './ProgressFigures.module.css';

export interface ProgressFiguresProps {
  readonly bytesDone: number;
  readonly bytesTotal: number;
  readonly bytesPerSecond: number | null;
  readonly secondsLeft: number | null;
}

/** "2.5 / 4.1 GB · 412 MB/s · 4 seconds left": only what is known. */
export function ProgressFigures({
  bytesDone,
  bytesTotal,
  bytesPerSecond,
  secondsLeft,
}: ProgressFiguresProps) {
  const { t } = useTranslation('models');
  if (bytesTotal <= 0) return <span className={styles.figures} />;
  const parts = [
    `${formatBytes(bytesDone)} / ${formatBytes(bytesTotal)}`,
    bytesPerSecond !== null && bytesPerSecond > 0 && t('speed', { shown: formatBytes(bytesPerSecond) }),
    secondsLeft !== null && secondsLeft > 0.5 && t('left', { shown: formatSeconds(secondsLeft) }),
  ];
  return <span className={styles.figures}>{parts.filter(Boolean).join(' · ')}</span>;
}
