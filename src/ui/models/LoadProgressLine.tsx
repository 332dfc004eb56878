import { useTranslation } from 'react-i18next';
import type { LoadProgress } from '../../state/types.ts';
import { ProgressLine } from './ProgressLine.tsx';

export interface LoadProgressLineProps {
  readonly progress: LoadProgress;
  readonly isRecovering?: boolean;
  readonly onCancel?: () => void;
}

/** A load under way. */
export function LoadProgressLine({ progress, isRecovering = false, onCancel }: LoadProgressLineProps) {
  const { t } = useTranslation('models');
  const { stage, ...figures } = progress;
  return (
    <ProgressLine
      {...figures}
      label={t(`stage.${stage}`)}
      lead={isRecovering && t('recovering')}
      onCancel={onCancel}
    />
  );
}
