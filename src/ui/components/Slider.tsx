import { Slider as Base } from '@base-ui/react/slider';
import styles from './Slider.module.css';

export interface SliderProps {
  readonly label: string;
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly step: number;
  readonly onValueChange: (value: number) => void;
  /** What the value means, shown under the label. */
  readonly hint?: string;
  readonly disabled?: boolean;
}

/** A bounded number; the value is shown beside the label and moves with the arrow keys. */
export function Slider({ label, value, min, max, step, onValueChange, hint, disabled = false }: SliderProps) {
  const decimals = Math.max(0, -Math.floor(Math.log10(step)));
  return (
    <Base.Root
      value={value}
      min={min}
      max={max}
      step={step}
      disabled={disabled}
      onValueChange={(next) => {
        onValueChange(next);
      }}
      className={styles.root}
    >
      <div className={styles.head}>
        <Base.Label className={styles.label}>{label}</Base.Label>
        <Base.Value className={styles.value}>{() => value.toFixed(decimals)}</Base.Value>
      </div>
      {hint && <p className={styles.hint}>{hint}</p>}
      <Base.Control className={styles.control}>
        <Base.Track className={styles.track}>
          <Base.Indicator className={styles.indicator} />
          <Base.Thumb className={styles.thumb} />
        </Base.Track>
      </Base.Control>
    </Base.Root>
  );
}
