import { useTranslation } from 'react-i18next';
import type { LoadProgress } from '../../state/types.ts';
import { Button, ProgressBar } from '../components/index.ts';
import { ProgressFigures } from './ProgressFigures.tsx';
import styles from './LoadProgressLine.module.css';

export interface LoadProgressLineProps {
  readonly progress: LoadProgress;
  readonly isRecovering?: boolean;
  readonly onCancel?: () => void;
}

/** A load under way: its stage, bar, bytes, speed and time left. */
export function LoadProgressLine({ progress, isRecovering = false, onCancel }: LoadProgressLineProps) {
  const { t } = useTranslation('models');
  const stage = t(`stage.${progress.stage}`);
  return (
    <div className={styles.box}>
      <ProgressBar value={progress.fraction} label={stage} />
      <div className={styles.line}>
        <span role="status">
          {isRecovering && t('recovering')}
          {stage}
        </span>
        <ProgressFigures {...progress} />
        {onCancel && (
          <Button size="s" variant="ghost" onClick={onCancel}>
            {t('cancel')}
          </Button>
        )}
      </div>
    </div>
  );
}
