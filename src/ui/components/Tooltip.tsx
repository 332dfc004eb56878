import type { ReactElement } from 'react';
import { Tooltip as Base } from '@base-ui/react/tooltip';
import { Kbd } from './Kbd.tsx';
import styles from './Tooltip.module.css';

export interface TooltipProps {
  readonly label: string;
  /** A combination as `mod+alt+n`. */
  readonly keys?: string | undefined;
  readonly side?: 'top' | 'bottom' | 'left' | 'right';
  /** One focusable element; it needs an accessible name of its own. */
  readonly children: ReactElement;
}

export function Tooltip({ label, keys, side = 'bottom', children }: TooltipProps) {
  return (
    <Base.Root>
      <Base.Trigger render={children} />
      <Base.Portal>
        <Base.Positioner side={side} sideOffset={6} className={styles.positioner}>
          <Base.Popup className={styles.popup}>
            {label}
            {keys && <Kbd keys={keys} />}
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}

/** Once around the app: a second tooltip opens at once after the first. */
export const TooltipProvider = Base.Provider;
