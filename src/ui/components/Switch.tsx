import { Switch as Base } from '@base-ui/react/switch';
import styles from './Switch.module.css';

export interface SwitchProps {
  readonly checked: boolean;
  readonly onCheckedChange: (checked: boolean) => void;
  readonly label: string;
  readonly disabled?: boolean;
  /** Hides the label from sight when another element already shows it. */
  readonly labelHidden?: boolean;
}

export function Switch({
  checked,
  onCheckedChange,
  label,
  disabled = false,
  labelHidden = false,
}: SwitchProps) {
  return (
    <label className={styles.label}>
      <Base.Root
        checked={checked}
        disabled={disabled}
        onCheckedChange={(next) => {
          onCheckedChange(next);
        }}
        className={styles.track}
      >
        <Base.Thumb className={styles.thumb} />
      </Base.Root>
      <span className={labelHidden ? 'visually-hidden' : undefined}>{label}</span>
    </label>
  );
}
