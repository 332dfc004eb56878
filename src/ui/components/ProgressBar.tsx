import { Progress } from '@base-ui/react/progress';
import styles from './ProgressBar.module.css';

export interface ProgressBarProps {
  /** 0 to 1; null while it cannot be told. */
  readonly value: number | null;
  /** What is under way, for those who do not see the bar. */
  readonly label: string;
}

export function ProgressBar({ value, label }: ProgressBarProps) {
  const percent = value === null ? null : Math.round(Math.min(1, Math.max(0, value)) * 100);
  return (
    <Progress.Root value={percent} aria-label={label} className={styles.root}>
      <Progress.Track className={styles.track}>
        <Progress.Indicator className={styles.indicator} />
      </Progress.Track>
    </Progress.Root>
  );
}
