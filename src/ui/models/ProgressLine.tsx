import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Button, ProgressBar } from '../components/index.ts';
import { ProgressFigures } from './ProgressFigures.tsx';
import type { ProgressFiguresProps } from './ProgressFigures.tsx';
import styles from './ProgressLine.module.css';

export interface ProgressLineProps extends ProgressFiguresProps {
  /** What is being done. */
  readonly label: string;
  /** 0 to 1; null when it cannot be told. */
  readonly fraction: number | null;
  /** Before the label. */
  readonly lead?: ReactNode;
  /** Which file is at hand. */
  readonly file?: string | null;
  readonly onCancel?: (() => void) | undefined;
}

/** Long work: its bar, what it does, bytes, speed, time left, and a way out of it. */
export function ProgressLine({
  label,
  fraction,
  lead,
  file = null,
  onCancel,
  ...figures
}: ProgressLineProps) {
  const { t } = useTranslation('models');
  return (
    <div className={styles.box}>
      <ProgressBar value={fraction} label={label} />
      <div className={styles.line}>
        <span role="status">
          {lead}
          {label}
        </span>
        {file !== null && <code className={styles.file}>{file}</code>}
        <ProgressFigures {...figures} />
        {onCancel && (
          <Button size="s" variant="ghost" onClick={onCancel}>
            {t('cancel')}
          </Button>
        )}
      </div>
    </div>
  );
}
